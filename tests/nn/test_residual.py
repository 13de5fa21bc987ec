"""A residual unit adds to its input what two normalised, activated convolutions make of it."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from sklearn_hsiode.nn import ResidualUnit
from sklearn_hsiode.nn._residual import group_norm

few_examples = settings(deadline=None, max_examples=30)


def random_unit(n_filters, stride=1, seed=0):
    """Unit in double precision, whose normalisations scale and shift too."""
    torch.manual_seed(seed)
    unit = ResidualUnit(n_filters, stride).double()
    for parameter in unit.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return unit


def n_parameters(module):
    return sum(parameter.numel() for parameter in module.parameters())


def normalised(x, norm):
    """Group normalisation by its formula."""
    n, channels = x.shape[:2]
    groups = x.reshape(n, norm.num_groups, -1)
    centred = groups - groups.mean(2, keepdim=True)
    variance = (centred**2).mean(2, keepdim=True)
    x = (centred / (variance + norm.eps).sqrt()).reshape(x.shape)
    return x * norm.weight.view(1, channels, 1, 1) + norm.bias.view(1, channels, 1, 1)


@few_examples
@given(st.sampled_from([2, 4, 6, 32, 64]), st.integers(1, 9), st.integers(1, 9), st.integers(1, 4))
def test_a_unit_adds_its_residual_to_its_input(n_filters, rows, cols, n):
    unit = random_unit(n_filters)
    x = torch.randn(n, n_filters, rows, cols, dtype=torch.float64)
    z = functional.conv2d(normalised(x, unit.norm1).clamp(min=0), unit.conv1.weight, padding=1)
    z = functional.conv2d(normalised(z, unit.norm2).clamp(min=0), unit.conv2.weight, padding=1)
    torch.testing.assert_close(unit(x), x + z)


@few_examples
@given(st.sampled_from([2, 4, 64]), st.integers(1, 9), st.integers(1, 9), st.integers(2, 3))
def test_the_shortcut_of_a_strided_unit_is_a_convolution_of_its_activated_input(
    n_filters, rows, cols, stride
):
    unit = random_unit(n_filters, stride)
    x = torch.randn(2, n_filters, rows, cols, dtype=torch.float64)
    activated = normalised(x, unit.norm1).clamp(min=0)
    z = functional.conv2d(activated, unit.conv1.weight, stride=stride, padding=1)
    z = functional.conv2d(normalised(z, unit.norm2).clamp(min=0), unit.conv2.weight, padding=1)
    mixed = torch.einsum(
        "oc,ncij->noij", unit.shortcut.weight[:, :, 0, 0], activated[:, :, ::stride, ::stride]
    )
    torch.testing.assert_close(unit(x), mixed + z)


@pytest.mark.parametrize(("stride", "expected"), [(1, 73_984), (2, 78_080)])
def test_a_unit_has_as_many_parameters_as_in_the_paper(stride, expected):
    assert n_parameters(ResidualUnit(64, stride)) == expected


def test_convolutions_have_no_bias():
    for stride in (1, 2):
        biases = [name for name, _ in random_unit(8, stride).named_parameters() if "bias" in name]
        assert biases == ["norm1.bias", "norm2.bias"]


@given(st.integers(2, 200))
@settings(deadline=None)
def test_normalisation_has_as_many_groups_as_in_the_paper_of_two_channels_or_more(n_filters):
    n_groups = group_norm(n_filters).num_groups
    assert n_filters % n_groups == 0
    assert n_filters // n_groups >= 2
    assert n_groups <= 32
    if n_filters % 64 == 0:
        assert n_groups == 32


def test_a_single_filter_is_enough():
    assert ResidualUnit(1)(torch.ones(2, 1, 3, 3)).shape == (2, 1, 3, 3)


@pytest.mark.parametrize("n_filters", [2, 3, 32, 64])
def test_a_single_pixel_is_not_normalised_to_nothing(n_filters):
    unit = random_unit(n_filters)
    x = torch.randn(5, n_filters, 1, 1, dtype=torch.float64)
    residuals = (unit(x) - x).flatten(1)
    assert len(residuals.unique(dim=0)) > 1


@pytest.mark.parametrize("stride", [1, 2])
def test_every_parameter_gets_a_gradient(stride):
    unit = random_unit(8, stride)
    unit(torch.randn(2, 8, 5, 5, dtype=torch.float64)).square().sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in unit.parameters())


@pytest.mark.parametrize("stride", [1, 2])
def test_a_sample_does_not_depend_on_its_batch(stride):
    unit, x = random_unit(8, stride), torch.randn(6, 8, 5, 5, dtype=torch.float64)
    torch.testing.assert_close(unit(x), torch.cat([unit(one) for one in x.split(1)]))
