"""A derived property is computed once for each object."""

from iku.domain.cached_property import cached_property


class Square:
    """A number that counts the computations of its square."""

    computed = 0

    def __init__(self, root: int) -> None:
        self.root = root

    @cached_property
    def area(self) -> int:
        """The root times itself."""
        Square.computed += 1
        return self.root * self.root


def test_a_derived_property_is_computed_once_for_each_object() -> None:
    two, three = Square(2), Square(3)
    assert [two.area, two.area, three.area, three.area] == [4, 4, 9, 9]
    assert Square.computed == 2


def test_of_the_class_a_derived_property_is_itself() -> None:
    assert isinstance(Square.area, cached_property)
    assert Square.area.__doc__ == "The root times itself."
