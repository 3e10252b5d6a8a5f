"""What a bar says: figures held against their limits."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Check:
    """One figure and its limit."""

    what: str
    value: float
    limit: float
    unit: str = "×"
    at_least: bool = False
    digits: int = 2

    @property
    def met(self):
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def number(self, value):
        return f"{value:,.{self.digits}f} {self.unit}".strip()

    @property
    def sign(self):
        return "≥" if self.at_least else "≤"

    def missed_by(self):
        """How far it is off, in per cent of the limit."""
        if not self.limit:
            return "any at all is too much"
        off = abs(self.value / self.limit - 1) * 100
        return f"{off:.{0 if off >= 1 else 1}f} %"


@dataclass
class Bar:
    """One bar: its figures, and what of it could not be measured."""

    number: int
    title: str
    checks: list = field(default_factory=list)
    not_measured: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    # What grows, for a plot.
    lines: list = field(default_factory=list)

    def check(self, *args, **how):
        self.checks.append(Check(*args, **how))

    def missed(self):
        return [check for check in self.checks if not check.met]
