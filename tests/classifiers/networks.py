"""Networks that users might bring along."""

from math import ceil

import torch
from torch import nn

from sklearn_hsiode.nn import SharedStem


class SpectralCNN(nn.Module):
    """The 1-D CNN of Hu et al. (2015) on the spectrum of a patch's centre pixel."""

    def __init__(self, n_bands, n_classes, n_kernels=20, n_hidden=100):
        super().__init__()
        kernel = ceil(n_bands / 9)
        pooling = ceil((n_bands - kernel + 1) / 35)
        n_pooled = (n_bands - kernel + 1) // pooling
        self.layers = nn.Sequential(
            *(nn.Conv1d(1, n_kernels, kernel), nn.Tanh(), nn.MaxPool1d(pooling), nn.Flatten()),
            *(nn.Linear(n_kernels * n_pooled, n_hidden), nn.Tanh()),
            nn.Linear(n_hidden, n_classes),
        )

    def forward(self, patches):
        centre = patches.shape[2] // 2
        return self.layers(patches[:, None, :, centre, centre])


class Given(nn.Module):
    """A network with given weights, which tells how far a pixel lies from given spectra."""

    def __init__(self, n_bands, n_classes, spectra, scale):
        super().__init__()
        self.spectra = nn.Parameter(torch.as_tensor(spectra))
        self.scale = scale

    def forward(self, patches):
        centre = patches.shape[2] // 2
        return -self.scale * torch.cdist(patches[:, :, centre, centre], self.spectra)


class Normalised(nn.Module):
    """A network with a batch normalisation and dropout."""

    def __init__(self, n_bands, n_classes):
        super().__init__()
        self.layers = nn.Sequential(
            *(nn.Conv2d(n_bands, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU()),
            *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(8, n_classes)),
        )

    def forward(self, patches):
        return self.layers(patches)


class Stemmed(SharedStem):
    """A network that lets overlapping patches share its stem, and counts how it is called."""

    stem_margin, smallest_patch = 1, 5

    def __init__(self, n_bands, n_classes):
        super().__init__()
        self.n_filters = 6
        self.stem = nn.Conv2d(n_bands, 6, 3)
        self.head = nn.Linear(6, n_classes)
        self.calls = []

    def stem_of_image(self, image):
        self.calls.append("stem of image")
        return super().stem_of_image(image)

    def after_stem(self, features):
        self.calls.append("after stem")
        return self.head(features.relu().mean((2, 3)))


class Negated(Stemmed):
    """A subclass whose forward does something else with the stem."""

    def forward(self, patches):
        return -super().forward(patches)


class Viewing(nn.Module):
    """A network of several widths that calls view, which wants contiguous memory."""

    n_filters = (4, 6)

    def __init__(self, n_bands, n_classes):
        super().__init__()
        self.convolution = nn.Conv2d(n_bands, 4, 3)
        self.linear = nn.LazyLinear(n_classes)

    def forward(self, patches):
        flat = patches.view(len(patches), -1)[:, :2]
        features = self.convolution(patches).relu()
        return self.linear(torch.cat([flat, features.view(len(features), -1)], dim=1))


class Linear(nn.Sequential):
    """A linear map of the mean spectrum of a patch."""

    def __init__(self, n_bands, n_classes, bias=True):
        layers = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(n_bands, n_classes, bias=bias)
        super().__init__(*layers)


def linear(n_bands, n_classes):
    """A function that makes a network."""
    return Linear(n_bands, n_classes)


def wrong_shape(n_bands, n_classes):
    """A network with too many logits."""
    return linear(n_bands, n_classes + 1)


def frozen(n_bands, n_classes):
    """A linear map of which the biases alone are trained."""
    network = Linear(n_bands, n_classes)
    network[2].weight.requires_grad = False
    return network


def two_outputs(n_bands, n_classes):
    """A network that returns a pair."""
    return Pair(n_bands, n_classes)


class Pair(Linear):
    """Logits and themselves again."""

    def forward(self, patches):
        return (super().forward(patches),) * 2


def no_module(n_bands, n_classes):
    """A function that makes no network."""
    return torch.zeros(n_bands, n_classes)
