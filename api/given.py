"""How a route asks for a ready-made part by name: `explorer: Given[Explorer]`. Parts are handed over as they are."""

from typing import TypeAlias, TypeVar

from litestar.di import NamedDependency
from litestar.params import SkipValidation

T = TypeVar("T")

Given: TypeAlias = NamedDependency[SkipValidation[T]]
