"""The form of what holds for the whole instance."""

from __future__ import annotations

from typing import Any

from ..budget_fields import BudgetFields


class SettingsForm(BudgetFields):
    """Fields have the API's names."""

    def values(self) -> dict[str, Any]:
        """All fields as the service takes them."""
        return self.budget_values()
