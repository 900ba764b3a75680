"""What a model has answered, as a person may look at it: Markdown, JSON, or as it came.

Answers are untrusted. Nothing of them becomes markup but what `markdown` lets through.
"""
