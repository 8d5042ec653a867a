"""A property that is computed once for each object and cached in it.

It is `functools.cached_property` without a lock. Up to Python 3.11 all objects of a
class share one lock, which each computation takes. A fold computes several values for
each event and spent a twentieth of its time on the lock. If two threads ask for a value
at the same moment, both compute it; the results are equal.
"""

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

T = TypeVar("T")


class cached_property(Generic[T]):  # noqa: N801 - reads as `property` does
    """Decorator for a method without arguments; its object must have a ``__dict__``."""

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self._compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, _owner: type[Any], name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type[Any]) -> Self: ...

    @overload
    def __get__(self, instance: object, owner: type[Any]) -> T: ...

    def __get__(self, instance: object | None, owner: type[Any]) -> Self | T:
        """The value; stored in the object, it shadows this descriptor from then on."""
        if instance is None:
            return self
        value = instance.__dict__[self._name] = self._compute(instance)
        return value
