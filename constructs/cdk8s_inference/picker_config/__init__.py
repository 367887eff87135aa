"""The endpoint picker's configuration as values, rendered and judged for a release."""

from cdk8s_inference.picker_config.block_size import (
    BlockSize,
    block_size,
    engine_block_size,
)
from cdk8s_inference.picker_config.config import PickerConfig, RawPickerConfig
from cdk8s_inference.picker_config.decider import (
    AlwaysDisaggregate,
    Decider,
    PrefixThreshold,
)
from cdk8s_inference.picker_config.disaggregated import DisaggregatedConfig
from cdk8s_inference.picker_config.plugin import Plugin
from cdk8s_inference.picker_config.prefix import ApproximatePrefix, PrecisePrefix
from cdk8s_inference.picker_config.profile import Profile
from cdk8s_inference.picker_config.unified import UnifiedConfig
from cdk8s_inference.picker_config.verdict import Outcome, Verdict, assess

__all__ = [
    "AlwaysDisaggregate",
    "ApproximatePrefix",
    "BlockSize",
    "Decider",
    "DisaggregatedConfig",
    "Outcome",
    "PickerConfig",
    "Plugin",
    "PrecisePrefix",
    "PrefixThreshold",
    "Profile",
    "RawPickerConfig",
    "UnifiedConfig",
    "Verdict",
    "assess",
    "block_size",
    "engine_block_size",
]
