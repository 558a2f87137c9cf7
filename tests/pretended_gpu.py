"""A GPU that is none: tensors that say they are on one, computed on the CPU, in a world as strict as CUDA's.

What mixes devices, draws with another device's generator, hands a GPU's memory to numpy or asks for a kernel that torch has
for CPUs only fails here as it fails there. What makes the host wait for the GPU is written down. Numbers are those of a CPU,
so a whole run can be held against one without. What it cannot show: speed, and rounding.
"""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

GPU = torch.device("cuda", 0)
WAITING = {"_local_scalar_dense", "nonzero", "masked_select", "equal", "_unique2", "unique_dim", "bincount", "linalg_eigh"}
WAITING |= {"_linalg_eigh", "_linalg_svd", "linalg_qr", "_linalg_solve_ex", "repeat_interleave"}
MAY_MIX = {"copy_", "index", "index_put_", "_index_put_impl_"}  # CUDA takes indices from the CPU
AT_ONCE = {"_conj": torch.conj_physical, "_neg_view": torch.neg}  # who answers for torch is past what would do it later
CPU_NAMES = ("_for_cpu", "mkldnn")  # torch chooses these by device, and others for a GPU


class OnGpu(Tensor):
    """A tensor whose numbers are in `near`."""

    near: Tensor
    device = property(lambda self: GPU)  # type: ignore[assignment]
    is_cuda = property(lambda self: True)  # type: ignore[assignment]
    is_cpu = property(lambda self: False)  # type: ignore[assignment]
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, near: Tensor) -> "OnGpu":
        layout = {"strides": near.stride(), "storage_offset": near.storage_offset(), "dtype": near.dtype}
        made = Tensor._make_wrapper_subclass(cls, near.size(), **layout)  # type: ignore[attr-defined]
        made.near = near
        return made  # type: ignore[no-any-return]

    def __repr__(self, **_: Any) -> str:
        return f"OnGpu({self.near!r})"

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func._schema.name.removeprefix("aten::")
        given = tensors_of(args, kwargs)
        if name not in MAY_MIX and any(not isinstance(each, OnGpu) and each.dim() for each in given):
            raise RuntimeError(f"Expected all tensors to be on the same device, but found at least two devices in {func}")
        if not on_both(func.name()):
            raise NotImplementedError(f"Could not run {func} with arguments from the 'CUDA' backend")
        owners = {id(each.near): each for each in given if isinstance(each, OnGpu)}
        func = AT_ONCE.get(name, func)
        made = func(*map(near, args), **{name: near(each) for name, each in (kwargs or {}).items()})
        return to_gpu(made, owners)


@cache
def on_both(kernel: str) -> bool:
    """Whether torch has it for GPUs too, as far as this build of torch knows."""
    known = torch._C._dispatch_has_computed_kernel_for_dispatch_key(kernel, "CUDA")
    return torch.version.cuda is None or known or any(part in kernel for part in CPU_NAMES)


def tensors_of(args: Iterable[Any], kwargs: Any = None) -> list[Tensor]:
    """Those among the arguments of an operation."""
    found: list[Tensor] = []
    for each in (*args, *(kwargs or {}).values()):
        if isinstance(each, Tensor):
            found.append(each)
        elif isinstance(each, list | tuple):
            found += tensors_of(each)
    return found


def near(tree: Any) -> Any:
    if isinstance(tree, OnGpu):
        return tree.near
    return type(tree)(map(near, tree)) if type(tree) in (list, tuple) else tree


def to_gpu(tree: Any, owners: Mapping[int, Tensor] = {}) -> Any:
    """What an operation on the CPU made, as the GPU's; what it was given comes back as itself."""
    if isinstance(tree, OnGpu):
        return tree
    if isinstance(tree, Tensor):
        owner = owners.get(id(tree))
        return OnGpu(tree) if owner is None else owner
    return type(tree)(to_gpu(each, owners) for each in tree) if type(tree) in (list, tuple) else tree


class GpuGenerator(torch.Generator):
    """A generator that says where it is, and draws what a CPU's draws."""

    def __new__(cls, device: Any = "cpu") -> "GpuGenerator":
        made = super().__new__(cls, "cpu")
        made.place = torch.device(device)
        return made

    device = property(lambda self: self.place)  # type: ignore[assignment]


class Gpu(TorchFunctionMode):
    """Answers what Python asks of torch.

    waits  how often the host waited for the GPU, by the line of the project that made it wait
    """

    def __init__(self, waits: Counter[str] | None = None) -> None:
        super().__init__()
        self.waits: Counter[str] = Counter() if waits is None else waits
        self.busy = 0  # calls under way on tensors that are on the GPU

    def wait(self, what: str) -> None:
        frame: Any = sys._getframe(1)
        while frame is not None and not any(part in frame.f_code.co_filename for part in ("/edgesim/", "/channels/")):
            frame = frame.f_back
        where = f"{frame.f_code.co_filename.rpartition('/')[2]}:{frame.f_code.co_name}" if frame else "outside"
        self.waits[f"{where}: {what}"] += 1

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        name = getattr(func, "__name__", "")
        mine = any(isinstance(each, OnGpu) for each in tensors_of(args, kwargs))
        device = torch.device(kwargs["device"]) if kwargs.get("device") is not None else None
        target = device.type if device is not None else "cuda" if mine else "cpu"
        generator = kwargs.get("generator")
        if generator is not None and generator.device.type != target != "meta":
            raise RuntimeError(f"Expected a '{target}' device type for generator but found '{generator.device.type}'")
        answer = getattr(self, f"on_{name}", None)
        if answer is not None and (mine or name in ("to", "cuda", "pin_memory")):
            return answer(func, args, kwargs)
        if device is not None and target == "cuda":
            kwargs["device"] = "cpu" if not mine else None
            if name in ("tensor", "as_tensor"):
                self.wait("copy to the GPU")
        elif target == "cpu" and mine and device is not None:
            raise NotImplementedError(f"{name} from the GPU to the CPU")
        self.busy += mine
        try:
            made = func(*args, **kwargs)
        finally:
            self.busy -= mine
        return to_gpu(made) if target == "cuda" and not mine else made

    def on_to(self, func: Any, args: Any, kwargs: Any) -> Any:
        tensor, *asked = args
        if asked and isinstance(asked[0], Tensor):
            target, dtype, rest = asked[0].device, asked[0].dtype, {}
        else:
            target, dtype, waits_not, form = torch._C._nn._parse_to(*asked, **kwargs)
            rest = {"memory_format": form} if form is not None else {}
            target = target or tensor.device
            dtype = dtype or tensor.dtype
        waits_not = kwargs.get("non_blocking", False)
        if target.type == tensor.device.type or tensor.device.type == "meta":
            return func(tensor, dtype=dtype, **rest) if target.type == tensor.device.type else func(*args, **kwargs)
        assert not (tensor.requires_grad and torch.is_grad_enabled()), "who learns across devices?"
        if target.type == "cpu":
            self.wait("copy from the GPU")
            return tensor.near.detach().clone().to(dtype=dtype, **rest)
        if not waits_not:
            self.wait("copy to the GPU")
        return OnGpu(tensor.detach().to(dtype=dtype, copy=True, **rest))

    def on_cuda(self, func: Any, args: Any, kwargs: Any) -> Any:
        return self.on_to(Tensor.to, (args[0], "cuda"), kwargs)

    def on_cpu(self, func: Any, args: Any, kwargs: Any) -> Tensor:
        self.wait("copy from the GPU")
        return args[0].near.detach().clone()

    def on_pin_memory(self, func: Any, args: Any, kwargs: Any) -> Tensor:
        assert not isinstance(args[0], OnGpu), "only memory of the CPU can be pinned"
        return args[0].clone()

    def on_data_ptr(self, func: Any, args: Any, kwargs: Any) -> int:
        return args[0].near.data_ptr()

    def on_numpy(self, func: Any, args: Any, kwargs: Any) -> None:
        raise TypeError("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() first")

    on___array__ = on_numpy

    def on_tolist(self, func: Any, args: Any, kwargs: Any) -> Any:
        self.wait("tolist")
        return args[0].near.tolist()

    def on_new_tensor(self, func: Any, args: Any, kwargs: Any) -> Any:
        self.wait("copy to the GPU")
        return OnGpu(func(args[0].near, *args[1:], **kwargs))

    def on___deepcopy__(self, func: Any, args: Any, kwargs: Any) -> Any:
        tensor, memo = args
        if id(tensor) not in memo:
            twin = OnGpu(tensor.near.detach().clone()).requires_grad_(tensor.requires_grad)
            if getattr(tensor, "_is_param", False):
                twin._is_param = True
            memo[id(tensor)] = twin
        return memo[id(tensor)]


class Kernels(TorchDispatchMode):
    """Sees every operation: which make the host wait, and what is made for tensors that are on the GPU."""

    def __init__(self, gpu: Gpu) -> None:
        super().__init__()
        self.gpu = gpu

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func._schema.name.removeprefix("aten::")
        given = tensors_of(args, kwargs)
        mine = any(isinstance(each, OnGpu) for each in given)
        if mine and (name in WAITING or _by_mask(name, args)):
            self.gpu.wait(name)
        if mine and name == "copy_" and not all(isinstance(each, OnGpu) for each in given) and given[1].dim():
            self.gpu.wait("copy")
        made = func(*args, **(kwargs or {}))
        backward = torch._C._current_graph_task_id() != -1
        return to_gpu(made) if not given and (self.gpu.busy or backward) else made


def _by_mask(name: str, args: Any) -> bool:
    """Whether places are told by a mask, or by numbers on the CPU."""
    places = [each for each in args[1] if each is not None] if name in ("index", "index_put_", "_index_put_impl_") else []
    return any(not isinstance(each, OnGpu) or each.dtype in (torch.bool, torch.uint8) for each in places)


@contextmanager
def pretended_gpu() -> Iterator[Gpu]:
    """While it lasts, torch finds a CUDA device, in this thread and in those of pools."""
    gpu, autocast, submit = Gpu(), torch.autocast, ThreadPoolExecutor.submit

    def there(job: Any, *args: Any, **named: Any) -> Any:
        with Gpu(gpu.waits) as twin, Kernels(twin):
            return job(*args, **named)

    overwrites = torch.__future__.get_overwrite_module_params_on_conversion()
    with pytest.MonkeyPatch.context() as patch:
        for module in [torch, *(each for name, each in sys.modules.items() if name.startswith(("edgesim", "channels")))]:
            if vars(module).get("Generator") is not None:
                patch.setattr(module, "Generator", GpuGenerator)
        patch.setattr(ThreadPoolExecutor, "submit", lambda pool, *given, **named: submit(pool, there, *given, **named))
        patch.setattr(torch, "autocast", lambda kind, *given, **named: autocast("cpu", *given, **named))
        patch.setattr(torch.cuda, "is_available", lambda: True)
        for name in ("_accelerator_graph_capture_health_check", "_cuda_graph_capture_health_check"):  # of old and new torch
            patch.setattr(torch.optim.Optimizer, name, lambda self: None, raising=False)
        patch.setattr(torch.cuda, "get_device_name", lambda *_: "no GPU")
        torch.__future__.set_overwrite_module_params_on_conversion(True)
        try:
            with gpu, Kernels(gpu):
                yield gpu
        finally:
            torch.__future__.set_overwrite_module_params_on_conversion(overwrites)
