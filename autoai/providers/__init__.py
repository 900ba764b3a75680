"""The families of model APIs, one folder each, and the one way in which HTTP is spoken.

`README.md` beside this file is the checklist for another family.
"""
