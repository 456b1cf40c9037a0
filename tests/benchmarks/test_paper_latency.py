def test_order_is_told_pair_by_pair() -> None:
    from paper_latency import compare

    seconds = {
        "faster-rcnn-r50-fpn": [0.1, 0.1, 0.1],
        "faster-rcnn-r101-fpn": [0.2, 0.2, 0.2],
        "cascade-rcnn-r50-fpn": [0.15, 0.15, 0.15],  # as slow as the one above in the paper
        "sm-nas-e2": [0.11, 0.12, 0.13],  # faster than the reference in the paper
    }
    found = compare(seconds)
    assert found["same_order"] is False
    assert found["swapped_pairs"] == [["sm-nas-e2", "faster-rcnn-r50-fpn"]]
    assert found["pairs_in_order"] == "4 of 5"
    assert found["sm-nas-e2"]["ratio"] == 1.2
    assert found["sm-nas-e2"]["paper_ratio"] == 0.537
    assert compare({"faster-rcnn-r50-fpn": [1.0], "sm-nas-e0": [0.5]})["same_order"] is True
