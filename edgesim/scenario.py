"""A scenario: everything that one run is, checked. `edgesim.load` reads it from YAML."""

import hashlib
import json
import pathlib
import re
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PrivateAttr

from edgesim import kinds
from edgesim.errors import ScenarioError
from edgesim.leaves import Choice, Flag, Leaf, Number, Profile, Text, fail
from edgesim.sections import Section
from edgesim.specs import DataCommon, DataSpec, SlotOf, Spec
from edgesim.vary import Vary
from edgesim.yaml_nodes import Node, Place, dotted, place_of, write

__all__ = ["BudgetSpec", "DataSpec", "EvaluateSpec", "Group", "HostSpec", "LinkSpec", "Scenario", "ServerSpec", "Spec"]

Path = tuple[str | int, ...]
Positive = Annotated[int, Number("[1, inf)", whole=True)]
Device = Annotated[str, Profile("devices")]
RadioProfile = Annotated[str, Profile("radios")]
_NO_IDENTITY = ("name", "seed", "host")  # what the hash leaves out: they do not change what is simulated
FILE = "_file"  # how knobs end that name a file
_MOST_HASHED = 64 << 20  # bytes of a file; no kind reads more


class FileName(Leaf):
    """Text that can name a folder on every system."""

    def read(self, value: object) -> str:
        text = Text().read(value)
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", text):
            fail(f"{text[:40]!r} cannot name a results folder; use up to 100 letters, digits, '.', '_' and '-'")
        return text

    def json(self) -> dict[str, Any]:
        return {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"}


class Group(Section):
    """Clients that are alike.

    count             how many
    device            device profile of each (`edgesim list devices`)
    radio             radio profile: the power of its radio; the device profile's own where left out
    data_share        how much of the training set each gets, relative to the others
    uplink_channel    the group's own channel in place of the uplink's
    downlink_channel  the group's own channel in place of the downlink's
    half_duplex       its radio cannot send and receive at the same time
    vary              what differs from client to client, and the laws it is drawn from
    """

    count: Positive = 1
    device: Device
    radio: RadioProfile | None = None
    data_share: Annotated[float, Number("(0, inf)")] = 1.0
    uplink_channel: Annotated[Spec, SlotOf("channel")] | None = None
    downlink_channel: Annotated[Spec, SlotOf("channel")] | None = None
    half_duplex: Annotated[bool, Flag()] = False
    vary: Vary | None = None


class ServerSpec(Section):
    """The server.

    device  device profile (`edgesim list devices`)
    radio   radio profile: the power of its radio; the device profile's own where left out
    cores   jobs it works on at once
    """

    device: Device
    radio: RadioProfile | None = None
    cores: Positive = 1


def _slot(name: str) -> Any:
    """A field that takes a bare kind name as default, read like YAML."""
    return Field(default=name, validate_default=True)


class LinkSpec(Section):
    """One direction between every client and the server.

    codec      how data is compressed
    channel    what the air does
    radio      bandwidth, rate and framing of the link
    transport  how bits or values are carried over the channel
    medium     how the links of all clients share the air
    """

    codec: Annotated[Spec, SlotOf("codec")]
    channel: Annotated[Spec, SlotOf("channel")]
    radio: Annotated[Spec, SlotOf("radio")] = Field(default_factory=dict, validate_default=True)
    transport: Annotated[Spec, SlotOf("transport")] = _slot("reliable")
    medium: Annotated[Spec, SlotOf("medium")] = _slot("dedicated")


class BudgetSpec(Section):
    """When training ends: with the first limit that one more step would exceed.

    epochs_of_base  communication, as what this many epochs without compression would take in the same ledger
    bits            communication, both directions [bit]
    symbols         channel uses, both directions
    simulated_s     simulated time [s]
    joules          energy of all devices together [J]
    steps           training steps of all clients together
    rounds          rounds of the protocol (federated: give out, train, average; parallel: one step of the server)
    ledger          which book the bits are read from: paper (published formula), code (published code), wire (what is sent)
    """

    epochs_of_base: Annotated[float, Number("(0, inf)")] | None = None
    bits: Annotated[int, Number("[1, inf)", "bits", whole=True)] | None = None
    symbols: Positive | None = None
    simulated_s: Annotated[float, Number("(0, inf)", "s")] | None = None
    joules: Annotated[float, Number("(0, inf)", "joules")] | None = None
    steps: Positive | None = None
    rounds: Positive | None = None
    ledger: Annotated[Literal["paper", "code", "wire"], Choice(("paper", "code", "wire"))] = "paper"


class EvaluateSpec(Section):
    """When the test set is looked at, outside simulated time.

    every_epochs  how often [epochs of the training set]; the end of the run is always evaluated
    codec         also compress at evaluation
    codec_too     look a second time, with the codec on, for `accuracy_codec`
    clients       at the end, look at each client's own half too, and at the average of all
    """

    every_epochs: Annotated[float, Number("(0, inf)")] = 1.0
    codec: Annotated[bool, Flag()] = False
    codec_too: Annotated[bool, Flag()] = False
    clients: Annotated[bool, Flag()] = False


class HostSpec(Section):
    """The machine that computes; it changes wall time, not what is simulated.

    accelerator             where tensors live
    threads                 CPU threads; torch's choice where left out
    deterministic           only algorithms that give the same result every time
    prefetch                prepare the next mini-batch in a thread while one is computed; changes nothing else
    channels_last           keep convolutions with their channels innermost
    compile                 compute the model's blocks by torch.compile, which takes a minute or more at the first steps
    tensorboard             also write the curves of the run for TensorBoard (extra [tensorboard])
    checkpoint_every_s      wall time between two checkpoints of a run [s]; null: none but when it is stopped
    checkpoint_every_steps  training steps between two checkpoints
    """

    accelerator: Annotated[Literal["cpu", "cuda"], Choice(("cpu", "cuda"))] = "cpu"
    threads: Positive | None = None
    deterministic: Annotated[bool, Flag()] = True
    prefetch: Annotated[bool, Flag()] = False
    channels_last: Annotated[bool, Flag()] = False
    compile: Annotated[bool, Flag()] = False
    tensorboard: Annotated[bool, Flag()] = False
    checkpoint_every_s: Annotated[float, Number("(0, inf)", "s")] | None = 300.0
    checkpoint_every_steps: Positive | None = None


def _as_list(value: object) -> object:
    return [value] if isinstance(value, dict) else value


@dataclass(frozen=True)
class Origin:
    """Where a scenario came from."""

    source: str = ""
    overrides: tuple[str, ...] = ()
    root: Node | None = field(default=None, repr=False)


class Scenario(Section):
    """One run of split learning over simulated links.

    name       names the results folder; the file's name where left out
    seed       root of all random streams
    model      the network and where it is cut
    data       images, batch size, who gets what, augmentation
    clients    a group of clients, or a list of groups
    server     the server's device
    uplink     from client to server: activations and labels
    downlink   from server to client: gradients
    protocol   who trains with whom, when
    optimiser  how weights are updated, one optimiser for each half
    non_finite  numbers that are not finite: `stop` and say where they began, `skip` the step, or `guard`: take them for 0
    faults     what fails, and when: a list
    budget     when training ends
    evaluate   when the test set is looked at
    host       the machine that computes
    """

    name: Annotated[str, FileName()] = "scenario"
    seed: Annotated[int, Number("[0, inf)", whole=True)] = 0
    model: Annotated[Spec, SlotOf("model")]
    data: Annotated[DataSpec, SlotOf("data")]
    clients: Annotated[list[Group], BeforeValidator(_as_list), Field(min_length=1)]
    server: ServerSpec
    uplink: LinkSpec
    downlink: LinkSpec
    protocol: Annotated[Spec, SlotOf("protocol")]
    optimiser: Annotated[Spec, SlotOf("optimiser")]
    non_finite: Annotated[Literal["stop", "skip", "guard"], Choice(("stop", "skip", "guard"))] = "stop"
    faults: list[Annotated[Spec, SlotOf("fault")]] = Field(default_factory=list)
    budget: BudgetSpec
    evaluate: EvaluateSpec = Field(default_factory=EvaluateSpec)
    host: HostSpec = Field(default_factory=HostSpec)

    _origin: Origin = PrivateAttr(default_factory=Origin)

    @property
    def source(self) -> str:
        """The file's text as given."""
        return self._origin.source

    @property
    def overrides(self) -> list[str]:
        """What was set on top of the file, as `path=value`."""
        return list(self._origin.overrides)

    def resolved(self) -> dict[str, Any]:
        """Every default filled in, SI numbers, aliases of profiles replaced: what really runs, and can be run again."""
        resolved: dict[str, Any] = _plain(self)
        for node in [*resolved["clients"], resolved["server"]]:
            node["device"] = kinds.real_name("devices", node["device"])
            node["radio"] = node["radio"] and kinds.real_name("radios", node["radio"])
        return resolved

    def resolved_yaml(self) -> str:
        """`resolved` as a YAML file that `edgesim.load` reads back to an equal scenario."""
        return write(self.resolved())

    @property
    def digest(self) -> str:
        """Hexadecimal digits that stand for the resolved scenario without name, seed and host, and for the files it names."""
        kept = _with_contents({key: value for key, value in self.resolved().items() if key not in _NO_IDENTITY})
        return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()

    @property
    def hash8(self) -> str:
        """The first eight digits of the digest, which name a run."""
        return self.digest[:8]

    def problem(self, path: Path, message: str) -> ScenarioError:
        """An error about the value at `path`, such as ("model", "cut"), with its place in the file."""
        root = self._origin.root
        place = place_of(root, path) if root else Place(dotted(path))
        return ScenarioError([f"{place}: {message}"])


def _plain(value: object) -> Any:
    if isinstance(value, Spec):
        head = {} if value.slot == "radio" else {"kind": value.kind}
        common = DataCommon.model_fields if isinstance(value, DataSpec) else ()
        return (
            head
            | {name: _plain(item) for name, item in value.values.items()}
            | {name: _plain(getattr(value, name)) for name in common}
        )
    if isinstance(value, Section):
        return {name: _plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _with_contents(node: Any) -> Any:
    """The same with what is in a file in the place of its name: wherever it lies, and whatever it is called."""
    if isinstance(node, list):
        return [_with_contents(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: _content(value) if key.endswith(FILE) and isinstance(value, str) else _with_contents(value)
        for key, value in node.items()
    }


def _content(name: str) -> str:
    """Size and digest of a file; its name where there is none, or none that can be read, which the run will say."""
    file = pathlib.Path(name)
    try:
        if file.is_file():
            with file.open("rb") as opened:
                return f"{file.stat().st_size} bytes {hashlib.sha256(opened.read(_MOST_HASHED)).hexdigest()}"
    except OSError:
        return name
    return name


def json_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a scenario file, for editors and other programs."""
    from edgesim.json_schema import build

    return build(Scenario)
