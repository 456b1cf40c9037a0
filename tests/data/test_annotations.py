"""The objects of one picture."""

from smnas.data.annotations import Annotations


def test_annotations_of_nothing_have_the_right_shapes():
    none = Annotations.of([])
    assert (none.boxes_xyxy.shape, none.labels.shape, none.ignore.shape) == ((0, 4), (0,), (0,))


def test_rows_become_arrays_of_the_first_category_unless_said():
    found = Annotations.of([[0, 0, 1, 2], [3, 3, 4, 4]])
    assert (found.labels.tolist(), found.ignore.tolist()) == ([0, 0], [False, False])
    said = Annotations.of([[0, 0, 1, 2]], labels=[3], ignore=[True])
    assert (said.labels.tolist(), said.objects.tolist(), len(said)) == ([3], [False], 1)
