"""The part of the classifiers' docstrings that is the same for all."""

from __future__ import annotations

import inspect
from typing import TypeVar

LAYER_PARAMETERS = """\
n_filters : int, default=64
    Filters of every convolution.
downsampling : bool or "auto", default="auto"
    True for the paper's layers; patches smaller than 9 x 9 are zero-padded for them. False
    for a stem of 1 x 1, a body that sees every pixel of the patch, and a head that reads the
    centre pixel beside the average, which suits small patches. "auto" is False for patches
    of 3 x 3 to 7 x 7 with a `shortcut`, and else True."""

TRAINING_PARAMETERS = """\
shortcut : bool, default=<shortcut>
    Blend the network with a linear map of the centre pixel's spectrum: scikit-learn's
    :class:`~sklearn.linear_model.LogisticRegression` on the standardised spectra of the training
    pixels, with the same weights. The logits are ``(1 - g) * linear + g * network``, with the
    `gate` g. The network trains alone, which is also what callbacks and early stopping see.
shortcut_C : float, default=1.0
    Inverse strength of the L2 penalty of that regression, its `C`.
gate : float or "auto", default="auto"
    Share of the network beside its `shortcut`: 0 is the regression alone, 1 the network alone;
    the network trains in any case. "auto" chooses it by cross-fitting: for each of three folds,
    which `validation` makes, another network and another regression are fitted to the rest, and
    tell the classes of the fold. Of nine shares from 0 to 1 whose accuracy on all folds, with the
    weights of the loss, is within a standard error of the highest, it is the one closest to 1/2.
    That makes a fit three times as long. `callbacks` do not see the folds: where they change how
    a network trains, pass a gate. With `warm_start`, a gate that was chosen once stays.
optimizer : {"sgd", "adam", "adamw"} or class, default="adamw"
    "sgd" has momentum 0.9, as in the paper. A class is one of :mod:`torch.optim`.
lr : float, default=3e-3
    Initial learning rate. About 0.03 suits "sgd".
lr_schedule : {"cosine", "step", "constant"} or callable, default="cosine"
    "cosine" falls to 0 over `max_epochs`; "step" multiplies by 0.1 after 3/8, 5/8 and
    7/8 of them, which is the paper's schedule at 160 epochs; a callable turns the number
    of epochs done into a factor.
weight_decay : float, default=1e-2
    Weight decay of the optimiser.
max_epochs : int, default=20
    Passes over the training pixels.
batch_size : int or "auto", default="auto"
    Patches in a training mini-batch. "auto" is a sixteenth of the training pixels, 8 at least
    and 128 at most, so that few pixels are enough steps as well.
augment : bool, default=True
    Turn and mirror each training patch by one of the eight symmetries of the square,
    drawn anew each time.
mixup : float, default=0.4
    Train on mixtures of two patches and of their classes, in shares that are drawn from a beta
    distribution with this parameter for each mini-batch (Zhang et al., ICLR 2018), as pixels
    mix spectra. 0 for none.
standardize : bool, default=True
    Standardise each band, inside the network, with mean and standard deviation of the
    training pixels, so that raw digital numbers can go in.
class_weight : "balanced", "effective", dict or None, default=None
    Weights of the classes in the loss. "balanced" is inverse to their numbers of pixels n.
    "effective" is inverse to their effective numbers (Cui et al., "Class-balanced loss based on
    effective number of samples", CVPR 2019), ``1 / (1 - 0.99 ** n)``: it raises classes of few
    pixels, and leaves those of hundreds as they are.
early_stopping : bool, default=False
    Hold out a part of the training pixels, stop when their accuracy has not risen for
    `n_iter_no_change` epochs, and keep the best epoch's weights.
validation : {"blocks", "random"} or splitter, default="blocks"
    What is held out for early stopping, and in each fold for ``gate="auto"``. "blocks" is
    whole blocks of ground, the folds of
    :class:`~sklearn_hsiode.model_selection.SpatialBlockKFold` with ``block_size="auto"``; for
    early stopping the one with most classes among its training pixels, then among those held
    out. No pixel trains in a buffer of ``patch_size - 1`` around them, so that no patch of theirs
    shares a pixel with one that trains. Where the pixels lie in too few places for that, a
    warning says so and pixels are drawn; so they are of arrays, which do not know where they lie.
    "random" draws a share of each class's pixels, whose patches overlap those of the others:
    their score tells when to stop, not how well the model maps. A scikit-learn splitter makes
    the folds itself, with a seed of its own: early stopping takes the first, and the gate all of
    them, each with a further training. Where a class would have no pixel left to train, its
    pixels train instead.
validation_fraction : float, default=0.1
    The share for early stopping; "blocks" are one of ``max(2, round(1 / validation_fraction))``
    folds, and a splitter has a share of its own.
n_iter_no_change : int, default=10
    Epochs to wait for a better validation score.
warm_start : bool, default=False
    Let :meth:`fit` go on from the weights, and the standardisation, of the last fit. With an
    integer `random_state` it holds out the same of the same pixels; the regression of a
    `shortcut` is fitted anew.
callbacks : list of skorch callbacks, default=None
    Copied before use. A mini-batch is a dict and class codes 0 to n_classes - 1; the dict
    holds "patches", which are standardised already where overlapping ones share that, and
    "sample_weight".
net_params : dict, default=None
    Further arguments of :class:`skorch.NeuralNetClassifier`, such as
    ``{"optimizer__nesterov": True}``; none that has a parameter here. A model file keeps few.
device : str or torch.device, default="auto"
    "auto" is CUDA where there is one, and else the CPU.
precision : {"float32", "float64", "bfloat16"}, default="float32"
    Type of weights and activations; "bfloat16" keeps the weights in float32 and lets
    PyTorch's autocast choose where to use it.
compile : bool, default=False
    Compile the network with :func:`torch.compile`, which takes a minute at first: into one
    graph, but several with a solver that is adaptive or Adams's, or with an adjoint. On
    CUDA, ``net_params={"compile__mode": "reduce-overhead"}`` plays it as a CUDA graph.
    False in what a model file gives, until you set it and fit anew.
n_jobs : int, default=None
    Threads on the CPU: None means 1 and -1 all cores. PyTorch sums gradients in another
    order for each number of threads, so a fit is repeated bit by bit only with the same
    number; that it is 1 unless you say otherwise makes a search with ``n_jobs=2`` equal
    to a serial one. At most 64, or four times the cores where that is more, since OpenMP ends a
    process that gets no more threads. None in what a model file gives.
verbose : int, default=0
    1 shows a progress bar, 2 a line per epoch.
random_state : int, RandomState or None, default=None
    Seeds weights, order of pixels, validation part, augmentation and mixup. None is a fresh
    seed each time; NumPy's and PyTorch's global states are never touched.
checkpoint : path, default=None
    A folder in which :meth:`fit` keeps its state after an epoch, as often as a fiftieth of the time
    allows. After a kill or Ctrl-C the same fit goes on from there, and ends bit by bit as one that
    has not been disturbed, but for the times in `history_`; the folder is removed then. Data and
    parameters must be those of the fit that began, also the kind of device and the number of
    threads: else an error names what differs, and to begin anew you remove the folder. Only
    `verbose` and `callbacks` may differ; what these keep themselves is not kept, and they see the
    epochs that are trained, not those that
    are there. One fit at a time uses a folder: leave it None in a parallel search. The files run
    no code when they are read. :meth:`partial_fit` keeps nothing. None in a loaded model."""

FITTED_ATTRIBUTES = """\
classes_ : array of shape (n_classes,)
    Sorted class labels.
n_features_in_ : int
    Number of bands.
wavelengths_in_ : array of shape (n_bands,)
    Their wavelengths in nanometres, where the scene of :meth:`fit` has them.
feature_names_in_ : array of shape (n_bands,)
    Their names, such as "450 nm", where the scene has wavelengths.
n_iter_ : int
    Number of epochs.
n_parameters_ : int
    Number of trainable parameters, those of the shortcut among them.
gate_ : float
    Share of the network beside its shortcut; 1 without one.
history_ : list of dict
    One dict per epoch with "epoch", "loss", "lr", "seconds"; with early stopping also
    "validation_loss" and "validation_score" (accuracy); for an ODE-net also
    "n_function_evaluations" per forward pass.
net_ : skorch.NeuralNetClassifier
    The trained net. It holds no pixels."""

Class = TypeVar("Class", bound=type)


def with_shared_docs(cls: Class) -> Class:
    """Put the shared parts into a class docstring, at their marks."""
    doc = inspect.cleandoc(cls.__doc__ or "")  # some versions of Python have stripped it already
    default = inspect.signature(cls).parameters["shortcut"].default
    parameters = TRAINING_PARAMETERS.replace("<shortcut>", str(default))
    doc = doc.replace("<layer parameters>", LAYER_PARAMETERS)
    doc = doc.replace("<training parameters>", parameters)
    cls.__doc__ = doc.replace("<fitted attributes>", FITTED_ATTRIBUTES)
    return cls
