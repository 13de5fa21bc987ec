"""The networks are the paper's, and take patches of any size."""

import pickle

import pytest
import torch
from torch.nn import functional

from sklearn_hsiode.nn import ODENet, ResidualUnit, ResNet

networks = pytest.mark.parametrize("network", [ResNet, ODENet])


def small(network, n_bands=3, n_classes=4, **parameters):
    """Network with few filters in double precision."""
    torch.manual_seed(0)
    return network(n_bands, n_classes, n_filters=8, **parameters).double()


def patches(n, size, n_bands=3, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, n_bands, size, size, dtype=torch.float64, generator=generator)


def n_parameters(module):
    return sum(parameter.numel() for parameter in module.parameters())


# The paper's figures


def test_the_resnet_has_as_many_parameters_as_in_the_paper():
    assert n_parameters(ResNet(1, 16)) == 601_872


def test_the_ode_net_has_as_many_parameters_as_in_the_paper():
    assert n_parameters(ODENet(1, 16)) == 232_080


@pytest.mark.parametrize(
    ("network", "body"), [(ResNet, 6 * 73_984), (ODENet, 74_112)], ids=["ResNet", "ODENet"]
)
def test_every_part_has_as_many_parameters_as_in_the_paper(network, body):
    made = network(1, 16)
    assert {name: n_parameters(part) for name, part in made.named_children()} == {
        "stem": 640,
        "downsampling": 2 * 78_080,
        "body": body,
        "head": 128 + 1_040,
    }


@networks
@pytest.mark.parametrize("n_bands", [2, 30, 204])
def test_more_bands_widen_the_stem_alone(network, n_bands):
    one, many = network(1, 16), network(n_bands, 16)
    assert n_parameters(many.stem) - n_parameters(one.stem) == (n_bands - 1) * 9 * 64
    for part in ("downsampling", "body", "head"):
        assert n_parameters(getattr(many, part)) == n_parameters(getattr(one, part))


@pytest.mark.parametrize("n_blocks", [0, 1, 9])
def test_a_resnet_has_as_many_units_as_asked_for(n_blocks):
    network = ResNet(3, 4, n_blocks=n_blocks)
    assert n_parameters(network.body) == n_blocks * n_parameters(ResidualUnit(64))
    assert network(torch.zeros(2, 3, 9, 9)).shape == (2, 4)


@networks
@pytest.mark.parametrize("norm_of", [4, 32, 64, 96])
def test_filters_may_be_any_number(network, norm_of):
    made = network(3, 4, norm_of)
    assert made(torch.zeros(2, 3, 9, 9)).shape == (2, 4)
    widths = {m.out_channels for m in made.modules() if isinstance(m, torch.nn.Conv2d)}
    assert widths == {norm_of}


# Patches


@networks
@pytest.mark.parametrize("size", range(1, 26))
def test_patches_of_any_size_have_finite_logits(network, size):
    made = small(network)
    logits = made(patches(2, size))
    assert logits.shape == (2, 4)
    assert logits.isfinite().all()
    assert not torch.allclose(logits[0], logits[1])


@networks
@pytest.mark.parametrize("size", [1, 3, 5, 7])
def test_patches_too_small_for_the_stem_are_padded_with_zeros(network, size):
    made, x = small(network), patches(2, size)
    torch.testing.assert_close(made(x), made(functional.pad(x, [(9 - size) // 2] * 4)))


@networks
@pytest.mark.parametrize("size", [9, 10, 11, 23])
def test_patches_large_enough_are_not_padded(network, size):
    assert small(network).stem(patches(2, size)).shape == (2, 8, size - 2, size - 2)


@networks
@pytest.mark.parametrize("size", [9, 11, 23])
def test_downsampling_quarters_the_sides(network, size):
    made = small(network)
    before = made.stem(patches(2, size))
    after = made.downsampling(before)
    assert after.shape[2] == after.shape[3] == -(-before.shape[2] // 4)
    assert made.body(after).shape == after.shape


@networks
def test_the_head_is_linear_in_the_mean_of_the_normalised_and_activated_map(network):
    head, z = small(network).head, patches(2, 3, n_bands=8)
    torch.nn.init.normal_(head.norm.weight)
    torch.nn.init.normal_(head.norm.bias)
    norm = functional.group_norm(z, head.norm.num_groups, head.norm.weight, head.norm.bias)
    mean = norm.clamp(min=0).sum((2, 3)) / 9
    torch.testing.assert_close(head(z), mean @ head.linear.weight.T + head.linear.bias)


# Without downsampling, for small patches


@pytest.mark.parametrize(
    ("network", "body"), [(ResNet, 6 * 73_984), (ODENet, 74_112)], ids=["ResNet", "ODENet"]
)
@pytest.mark.parametrize("n_bands", [1, 204])
def test_without_downsampling_the_stem_is_pointwise_and_the_head_reads_twice(
    network, body, n_bands
):
    made = network(n_bands, 16, downsampling=False)
    assert {name: n_parameters(part) for name, part in made.named_children()} == {
        "stem": 64 * n_bands + 64,
        "downsampling": 0,
        "body": body,
        "head": 128 + 2 * 64 * 16 + 16,
    }


@networks
@pytest.mark.parametrize("size", [1, 3, 5, 7, 9])
def test_without_downsampling_the_body_sees_every_pixel_and_no_padding(network, size):
    made = small(network, downsampling=False)
    x = patches(2, size)
    features = made.downsampling(made.stem(x))
    assert features.shape == (2, 8, size, size)
    weight, bias = made.stem.weight[:, :, 0, 0], made.stem.bias
    expected = torch.einsum("fb,nbrc->nfrc", weight, x) + bias[:, None, None]
    torch.testing.assert_close(features, expected)
    torch.testing.assert_close(made.stem_of_image(x), features)
    assert made(x).shape == (2, 4)


@networks
def test_without_downsampling_the_head_is_linear_in_the_mean_and_the_centre(network):
    head, z = small(network, downsampling=False).head, patches(2, 5, n_bands=8)
    norm = functional.group_norm(z, head.norm.num_groups, head.norm.weight, head.norm.bias)
    active = norm.clamp(min=0)
    mean, centre = active.sum((2, 3)) / 25, active[:, :, 2, 2]
    of_mean, of_centre = head.linear.weight[:, :8], head.linear.weight[:, 8:]
    expected = mean @ of_mean.T + centre @ of_centre.T + head.linear.bias
    torch.testing.assert_close(head(z), expected)


@networks
@pytest.mark.parametrize("downsampling", [True, False])
def test_logits_depend_on_every_pixel_and_band_of_a_patch_with_and_without_it(
    network, downsampling
):
    x = patches(1, 5).requires_grad_()
    small(network, downsampling=downsampling)(x).square().sum().backward()
    assert (x.grad != 0).all()


@networks
def test_logits_depend_on_every_pixel_and_band_of_a_patch(network):
    x = patches(1, 11).requires_grad_()
    small(network)(x).square().sum().backward()
    assert (x.grad != 0).all()


@networks
@pytest.mark.parametrize("size", [1, 5, 11])
def test_logits_do_not_depend_on_the_batch(network, size):
    made, x = small(network), patches(6, size)
    torch.testing.assert_close(made(x), torch.cat([made(one) for one in x.split(1)]))


@networks
def test_logits_are_the_same_in_training_and_evaluation(network):
    made, x = small(network), patches(3, 9)
    torch.testing.assert_close(made.train()(x), made.eval()(x), rtol=0, atol=0)


@networks
@pytest.mark.parametrize("size", [1, 11])
def test_a_batch_of_one_patch_gives_every_parameter_a_gradient(network, size):
    made = small(network)
    functional.cross_entropy(made(patches(1, size)), torch.tensor([2])).backward()
    for parameter in made.parameters():
        assert parameter.grad.isfinite().all()
        assert parameter.grad.abs().sum() > 0


@networks
@pytest.mark.parametrize("size", [1, 5, 11])
def test_training_lowers_the_loss(network, size):
    made, x, y = small(network), patches(12, size), torch.arange(12) % 4
    optimizer, losses = torch.optim.Adam(made.parameters(), lr=0.01), []
    for _ in range(40):
        optimizer.zero_grad()
        losses.append(functional.cross_entropy(made(x), y))
        losses[-1].backward()
        optimizer.step()
    assert losses[-1] < losses[0] / 2


# The ResNet's body


@pytest.mark.parametrize("n_blocks", [1, 2, 6])
def test_a_tied_resnet_has_the_parameters_of_one_unit(n_blocks):
    tied, single = small(ResNet, n_blocks=n_blocks, tied=True), small(ResNet, n_blocks=1)
    assert n_parameters(tied) == n_parameters(single)
    assert n_parameters(tied.body) == n_parameters(ResidualUnit(8))


@pytest.mark.parametrize("n_blocks", [1, 2, 6])
def test_a_tied_resnet_applies_one_unit_again_and_again(n_blocks):
    tied, x = small(ResNet, n_blocks=n_blocks, tied=True), patches(3, 11)
    unit = ResidualUnit(8).double()
    unit.load_state_dict(tied.body[0].state_dict())
    z = tied.downsampling(tied.stem(x))
    for _ in range(n_blocks):
        z = unit(z)
    torch.testing.assert_close(tied(x), tied.head(z))


def test_a_tied_resnet_is_a_resnet_whose_units_have_the_same_weights():
    tied, untied, x = small(ResNet, tied=True), small(ResNet), patches(3, 11)
    weights = tied.state_dict()
    for name in untied.state_dict():
        part, _, rest = name.partition(".")
        if part == "body":
            weights[name] = weights[f"body.0.{rest.partition('.')[2]}"]
    untied.load_state_dict(weights)
    torch.testing.assert_close(tied(x), untied(x))
    for network in (tied, untied):
        network(x).square().sum().backward()
    gradients = [sum(unit.conv1.weight.grad for unit in untied.body)]
    torch.testing.assert_close(tied.body[0].conv1.weight.grad, gradients[0])


@pytest.mark.parametrize("tied", [False, True])
def test_without_blocks_a_resnet_is_stem_downsampling_and_head(tied):
    network, x = small(ResNet, n_blocks=0, tied=tied), patches(3, 11)
    torch.testing.assert_close(network(x), network.head(network.downsampling(network.stem(x))))
    assert n_parameters(network.body) == 0


def test_a_tied_resnet_survives_pickling_with_one_set_of_weights():
    tied, x = small(ResNet, tied=True), patches(2, 9)
    loaded = pickle.loads(pickle.dumps(tied))
    torch.testing.assert_close(loaded(x), tied(x), rtol=0, atol=0)
    assert n_parameters(loaded) == n_parameters(tied)


# The ODE-net's body


@pytest.mark.parametrize("n_steps", [1, 2, 4])
def test_an_ode_net_under_euler_is_a_resnet_of_units_with_tied_weights(n_steps):
    ode, x = small(ODENet, solver="euler", n_steps=n_steps), patches(3, 11)
    unit, weights = ResidualUnit(8).double(), ode.body.dynamics.state_dict()
    unit.load_state_dict({name: w for name, w in weights.items() if not name.startswith("norm3")})
    z = ode.downsampling(ode.stem(x))
    for _ in range(n_steps):
        z = z + ode.body.dynamics.norm3(unit(z) - z) / n_steps
    torch.testing.assert_close(ode(x), ode.head(z))


def test_the_solver_and_what_steers_it_reach_the_body():
    rk4 = small(ODENet, solver="rk4", n_steps=3)
    rk4(patches(1, 9))
    assert rk4.n_function_evaluations == 12
    loose, tight = (small(ODENet, solver="dopri5", rtol=t, atol=t) for t in (1e-1, 1e-7))
    for network in (loose, tight):
        network(patches(1, 9))
    assert tight.n_function_evaluations > loose.n_function_evaluations


def test_an_ode_net_trained_by_the_adjoint_has_the_same_logits_and_other_gradients():
    x = patches(3, 11)
    logits, gradients = [], []
    for adjoint in (False, True):
        network = small(ODENet, solver="euler", n_steps=1, adjoint=adjoint)
        logits.append(network(x))
        logits[-1].square().sum().backward()
        gradients.append(network.body.dynamics.conv1.weight.grad)
    torch.testing.assert_close(*logits)
    assert not torch.allclose(*gradients)


@pytest.mark.parametrize(
    ("bad", "message"), [({"solver": "rk5"}, "solver 'rk5'"), ({"n_steps": 0}, "n_steps .* got 0")]
)
def test_a_bad_solver_is_an_error_when_the_network_is_made(bad, message):
    with pytest.raises(ValueError, match=message):
        ODENet(3, 4, **bad)


# As a torch module


@networks
def test_a_network_survives_pickling_and_loading_of_its_weights(network):
    made, x = small(network), patches(2, 9)
    torch.testing.assert_close(pickle.loads(pickle.dumps(made))(x), made(x), rtol=0, atol=0)
    other = network(3, 4, n_filters=8).double()
    other.load_state_dict(made.state_dict())
    torch.testing.assert_close(other(x), made(x), rtol=0, atol=0)


@networks
def test_a_seed_gives_one_network(network):
    x = patches(2, 9)
    torch.testing.assert_close(small(network)(x), small(network)(x), rtol=0, atol=0)


@networks
@pytest.mark.parametrize("frozen", [False, True])
def test_memory_layout_makes_no_difference_to_gradients(network, frozen):
    # With nothing to learn before it, PyTorch's group norm in channels-last memory crashes.
    x, gradients = patches(16, 11), []
    for memory_format in (torch.contiguous_format, torch.channels_last):
        made = small(network)
        made.stem.requires_grad_(not frozen)
        made(x.contiguous(memory_format=memory_format)).square().sum().backward()
        gradients.append([weight.grad for weight in made.parameters() if weight.requires_grad])
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b)
