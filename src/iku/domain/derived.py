"""A property that is computed once for each object, and kept with it.

As `functools.cached_property`, but without its lock: up to Python 3.11 all objects of a
class share one, which is taken whenever a value is computed. A fold computes several
values for each event, so the lock took a twentieth of its time. Where two threads ask
for a value at the same moment, both compute it; the results are equal.
"""

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

T = TypeVar("T")


class derived(Generic[T]):  # noqa: N801 - reads as `property` does
    """Decorates a method without arguments of an object that has a ``__dict__``."""

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
        """The value; from the second time on the object's own attribute hides this."""
        if instance is None:
            return self
        value = instance.__dict__[self._name] = self._compute(instance)
        return value
