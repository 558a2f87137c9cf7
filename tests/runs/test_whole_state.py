"""Nothing that a run has is forgotten in its state."""

from typing import Any

from edgesim.session import Session
from tests.runs.test_resume_state import links

# What these have, kept or not. Whatever is new here must be kept by standing.py, sim/resume.py or the object's own `state`,
# unless it never changes after it was made, follows from the rest, or is nothing between two units.
HAVE = {
    "Session": "_due _evaluation_bits _every _looked _loss _of_clients _readings _recorder _tells_once _to_stop _totals _watch "
    "between cast each earlier evaluations health scenario started task world",
    "World": "_adapts _before _fruitless _unit_cost average budget clients cursor each express hear_round ledger model "
    "presence rehearsal rounds seed server steps stopped_by together watch",
    "Ledger": "_hear_transfer _places env hear_transfers mediums meters takes_many traffic",
    "Presence": "_alarms _at_work _devices _has_looked _hazards _ledger _off _turns _used counts dead fails hear late",
    "Meter": "_active _alone _clocks _hear _joules _phase _plain _since _sums _tail _tail_s _tail_w _watts activity_joules "
    "actor base_w connected_s opened",
    "Tdma": "_clocks _discipline _frame _wake_up _wakes_s _weights census clients direction key ledger",
    "Census": "_area_s _arrivals_s _opened _since _stayed_s came inside",
    "Client": "account device downlink half joules pilot samples steps steps_per_epoch uplink",
    "Account": "client seconds started step",
    "StepTotals": "_by_phase _durations _tiled _waiting",
    "Health": "_before counts hear policy",
    "TorchClient": "_backward_flops _care _client _forward_flops _generator _optimiser _seed _sent _setting _settings _step "
    "batches exchange findings part trip",
    "TorchServer": "_answering _batch _care _costs _generator _merging _optimiser _seed _settings _step exchange part",
}


def test_what_is_new_is_thought_of(make: Any) -> None:
    session = Session(make(**links(medium="tdma"), budget={"steps": 1}))
    world = session.world
    [client], ledger = world.clients, world.ledger
    things = [session, world, ledger, world.presence, ledger.meters[0], ledger.mediums[0], ledger.mediums[0].census, client]
    things += [client.account, session._totals, session.health, client.half, world.server.half]
    found = {type(thing).__name__: set(getattr(type(thing), "__slots__", ())) or set(vars(thing)) for thing in things}
    assert found.keys() == HAVE.keys()
    assert not {name: new for name, names in found.items() if (new := names - set(HAVE[name].split()))}
