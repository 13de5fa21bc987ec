"""Jobs that die at random moments; ``make fuzz`` has them by the hundred."""

import pytest

from tests.robustness import kills


@pytest.mark.parametrize("case", [f"fit/{number}" for number in range(4)])
def test_a_training_that_is_stopped_anyhow_is_the_same_when_it_has_gone_on(case, tmp_path):
    verdict = kills.judge(case, tmp_path)
    assert verdict.word in kills.GOOD, verdict
