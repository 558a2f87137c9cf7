"""Wireless channels: draws as functions of absolute time, their action on real values, and the closed forms to check both.

>>> import channels
>>> channel = channels.Rayleigh(snr_db=10, coherence_s=0.01)
>>> draws = channel.draws(start_s=0.0, blocks=3, key=1)
>>> draws.seconds.round(12).tolist()
[0.01, 0.01, 0.01]
"""

from channels import bit_error_rates, bursts, coding, corruption, harq, mcs, ofdm, theory, units
from channels.adaptation import Adaptation
from channels.adc_reference import AdcReference
from channels.awgn import AWGN
from channels.base import Channel, Draws
from channels.bit_flip import BitFlip
from channels.erasure import Erasure
from channels.gilbert_elliott import GilbertElliott
from channels.ideal import Ideal
from channels.link_budget import LinkBudget
from channels.modulation import Modulation
from channels.nakagami import Nakagami
from channels.rayleigh import Rayleigh
from channels.rician import Rician
from channels.shadowing import Shadowing
from channels.sionna_tdl import SionnaTDL
from channels.tdl import TDL

__all__ = [
    "AWGN",
    "TDL",
    "Adaptation",
    "AdcReference",
    "BitFlip",
    "Channel",
    "Draws",
    "Erasure",
    "GilbertElliott",
    "Ideal",
    "LinkBudget",
    "Modulation",
    "Nakagami",
    "Rayleigh",
    "Rician",
    "Shadowing",
    "SionnaTDL",
    "bit_error_rates",
    "bursts",
    "coding",
    "corruption",
    "harq",
    "mcs",
    "ofdm",
    "theory",
    "units",
]
