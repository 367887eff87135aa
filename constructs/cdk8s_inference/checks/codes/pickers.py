"""Configurations of endpoint pickers."""

from __future__ import annotations

from cdk8s_inference.findings.evidence import SEEN, SEEN_RUN
from cdk8s_inference.findings.example import edited, picker_config
from cdk8s_inference.findings.rule import AnyRule, Rule

_WORKS = """\
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
  - type: prefill-filter
  - type: decode-filter
  - type: queue-scorer
  - type: approx-prefix-cache-producer
    parameters:
      blockSizeTokens: 64
  - type: prefix-based-pd-decider
    parameters:
      nonCachedTokens: 16
  - type: disagg-profile-handler
    parameters:
      deciders:
        prefill: prefix-based-pd-decider
schedulingProfiles:
  - name: prefill
    plugins:
      - pluginRef: prefill-filter
      - pluginRef: queue-scorer
  - name: decode
    plugins:
      - pluginRef: decode-filter
      - pluginRef: queue-scorer
        weight: 2
"""
"""Works from v0.9.0 on."""

_WORKS_IN_V0_8_0 = edited(
    _WORKS,
    ("llm-d.ai/v1alpha1", "inference.networking.x-k8s.io/v1alpha1"),
    ("  - type: disagg-profile", "  - type: disagg-headers-handler\n  - type: disagg-profile"),
)

_HANDLER = """\
  - type: disagg-profile-handler
    parameters:
      deciders:
        prefill: prefix-based-pd-decider
"""
_DECIDER = """\
  - type: prefix-based-pd-decider
    parameters:
      nonCachedTokens: 16
"""
_PRODUCER = """\
  - type: approx-prefix-cache-producer
    parameters:
      blockSizeTokens: 64
"""
_PREFILL = """\
  - name: prefill
    plugins:
      - pluginRef: prefill-filter
      - pluginRef: queue-scorer
"""

_TWO_PICKERS = edited(
    _WORKS,
    ("  - type: queue-scorer\n", "  - type: queue-scorer\n  - type: max-score-picker\n"),
    ("  - type: approx", "  - type: weighted-random-picker\n  - type: approx"),
    (_PREFILL, f"{_PREFILL}      - pluginRef: max-score-picker\n"),
    ("        weight: 2\n", "        weight: 2\n      - pluginRef: weighted-random-picker\n"),
)

_PRECISE = edited(
    _WORKS,
    (
        _PRODUCER,
        """\
  - type: prefix-cache-scorer
    parameters:
      prefixMatchInfoProducerName: precise-prefix-cache-producer
  - type: token-producer
    parameters:
      modelName: Qwen/Qwen3-32B
      vllm:
        url: http://localhost:8000
  - type: precise-prefix-cache-producer
    parameters:
      tokenProcessorConfig:
        blockSize: 64
""",
    ),
    ("        weight: 2\n", "        weight: 2\n      - pluginRef: prefix-cache-scorer\n"),
)

_PRECISE_AND_TOLD = (
    edited(
        _PRECISE,
        (
            "        blockSize: 64\n",
            "        blockSize: 64\n  - type: endpoint-notification-source\n",
        ),
    )
    + """\
dataLayer:
  sources:
    - pluginRef: endpoint-notification-source
      extractors:
        - pluginRef: precise-prefix-cache-producer
"""
)

_DOWN = "The picker exits at its start, and the gateway answers every request 500."
_SILENT = "Every answer is 200, decode pods do all the work, and prefill pods stay idle."
_REFUSED = "The picker runs, and every request is answered 429."

CODES: tuple[AnyRule, ...] = (
    Rule(
        "P101",
        "The configuration is no YAML mapping",
        why=_DOWN,
        evidence="The picker decodes one YAML object; read in the sources of llm-d-router v0.10.0.",
        fix="write one EndpointPickerConfig as YAML",
        example=picker_config(edited(_WORKS, ("plugins:", "plugins")), _WORKS),
        severity="error",
    ),
    Rule(
        "P102",
        "The picker's release does not read this apiVersion or kind",
        why=f"{_DOWN} Router v0.8.0 does not know llm-d.ai, and no release up to v0.10.0 "
        "knows its v1.",
        evidence=SEEN_RUN,
        fix="write the apiVersion of the picker's own release, and kind EndpointPickerConfig",
        example=picker_config(
            edited(_WORKS, ("llm-d.ai/v1alpha1", "llm-d.ai/v1")), _WORKS, release="v0.10.0"
        ),
        severity="error",
    ),
    Rule(
        "P103",
        "A field is not known",
        why=f"{_DOWN} Its decoder is strict at every depth.",
        evidence="Seen run with router v0.8.0, given a field of v0.9.0.",
        fix="remove the field, or correct its name",
        example=picker_config(edited(_WORKS, ("weight: 2", "wieght: 2")), _WORKS),
        severity="error",
    ),
    Rule(
        "P104",
        "A value is of another type, or out of its limits",
        why=_DOWN,
        evidence="The picker decodes each value into a Go type, and checks some afterwards; read "
        "in the sources of llm-d-router v0.10.0.",
        fix="write a value that the field takes: numbers without quotes",
        example=picker_config(
            edited(_WORKS, ("nonCachedTokens: 16", 'nonCachedTokens: "16"')), _WORKS
        ),
        severity="error",
    ),
    Rule(
        "P105",
        "The release has no such feature gate",
        why=f"{_DOWN} Gates come and go with releases: v0.10.0 refuses dataLayer, which "
        "v0.9.0 takes.",
        evidence=f"{SEEN}, given prepareDataPlugins.",
        fix="remove the gate, or correct its name",
        example=picker_config(
            edited(_WORKS, ("plugins:", "featureGates: [dataLayer]\nplugins:")),
            _WORKS,
            release="v0.10.0",
        ),
        severity="error",
    ),
    Rule(
        "P106",
        "The release has no such plugin",
        why=_DOWN,
        evidence=SEEN_RUN,
        fix="correct the plugin's type, or run a release that has it",
        example=picker_config(
            edited(_WORKS_IN_V0_8_0, (_PRODUCER, f"{_PRODUCER}  - type: token-producer\n")),
            _WORKS_IN_V0_8_0,
            release="v0.8.0",
        ),
        severity="error",
    ),
    Rule(
        "P107",
        "Two plugins have one name",
        why=f"{_DOWN} A plugin without a name is called by its type.",
        evidence=SEEN_RUN,
        fix="list the plugin once, or give each its own name",
        example=picker_config(
            edited(_WORKS, (_PRODUCER, f"  - type: queue-scorer\n{_PRODUCER}")), _WORKS
        ),
        severity="error",
    ),
    Rule(
        "P108",
        "A plugin is alpha, and alpha plugins are not allowed",
        why=f"{_DOWN} An upgrade to v0.10.0 can bring it about: agent-identity and the "
        "plugins of session affinity are alpha there, and were not before.",
        evidence="Read in the sources of llm-d-router v0.10.0, the first release with such "
        "plugins.",
        fix="run the picker with --allow-experimental-plugins=true, or do without the plugin",
        example=picker_config(
            edited(_WORKS, (_PRODUCER, f"{_PRODUCER}  - type: agent-identity\n")),
            _WORKS,
            release="v0.10.0",
        ),
        severity="error",
    ),
    Rule(
        "P109",
        "A plugin has no such parameter",
        why=f"{_DOWN} Router v0.8.0 ignores the parameter instead.",
        evidence="Seen run with router v0.9.0 and v0.10.0; llm-d/llm-d-router#1134.",
        fix="remove the parameter, or correct its name",
        example=picker_config(
            edited(_WORKS, ("nonCachedTokens: 16", "nonCachedTokens: 16\n      promptTokens: 100")),
            _WORKS,
            release="v0.9.0",
        ),
        severity="error",
    ),
    Rule(
        "P110",
        "Parameters exclude each other",
        why=_DOWN,
        evidence="Seen run with router v0.10.0.",
        fix="keep one of them: prefill-first prefills every prompt elsewhere, without a decider",
        example=picker_config(
            edited(_WORKS, ("      deciders:", "      stageOrder: prefill-first\n      deciders:")),
            _WORKS,
            release="v0.10.0",
        ),
        severity="error",
    ),
    Rule(
        "P111",
        "A plugin is named that is not listed, or cannot do what it is named for",
        why=_DOWN,
        evidence="The picker looks up every reference at its start; read in the sources of "
        "llm-d-router v0.10.0.",
        fix="list the plugin under plugins, or correct the name",
        example=picker_config(
            edited(_WORKS, ("        prefill: prefix-based", "        prefill: prefix")), _WORKS
        ),
        severity="error",
    ),
    Rule(
        "P112",
        "A decider is listed after its profile handler",
        why=f"{_DOWN} Before v0.10.0 it creates plugins in the order of the list.",
        evidence="Seen run with router v0.8.0 and v0.9.0; llm-d/llm-d-router#1876.",
        fix="list the decider before the handler",
        example=picker_config(
            edited(_WORKS, (_DECIDER, ""), (_HANDLER, _HANDLER + _DECIDER)),
            _WORKS,
            release="v0.9.0",
        ),
        severity="error",
    ),
    Rule(
        "P113",
        "There is not exactly one profile handler that fits the profiles",
        why=_DOWN,
        evidence=SEEN_RUN,
        fix="list disagg-profile-handler with a decider, or keep one profile",
        example=picker_config(edited(_WORKS, (_HANDLER, "")), _WORKS),
        severity="error",
    ),
    Rule(
        "P114",
        "A profile has no name of its own",
        why=_DOWN,
        evidence="Read in the sources of llm-d-router v0.10.0.",
        fix="give each profile its own name",
        example=picker_config(edited(_WORKS, ("- name: prefill", "- name: decode")), _WORKS),
        severity="error",
    ),
    Rule(
        "P115",
        "A profile has several pickers",
        why=_DOWN,
        evidence="Read in the sources of llm-d-router v0.10.0.",
        fix="keep one of them",
        example=picker_config(
            edited(
                _TWO_PICKERS,
                (
                    "      - pluginRef: weighted-random-picker\n",
                    "      - pluginRef: weighted-random-picker\n"
                    "      - pluginRef: max-score-picker\n",
                ),
            ),
            _TWO_PICKERS,
        ),
        severity="error",
    ),
    Rule(
        "P116",
        "Nothing produces what a plugin reads",
        why=f"{_DOWN} From v0.9.0 on it creates most producers by itself, but none under a "
        "name that is not a type's.",
        evidence="Read in the sources of llm-d-router v0.9.0 and v0.10.0.",
        fix="list the producer, or correct its name",
        example=picker_config(
            edited(
                _PRECISE_AND_TOLD,
                ("ProducerName: precise-prefix-cache-producer", "ProducerName: precise-prefix"),
            ),
            _PRECISE_AND_TOLD,
        ),
        severity="error",
    ),
    Rule(
        "P201",
        "There is no profile for decode",
        why=_REFUSED,
        evidence=SEEN_RUN,
        fix="name a profile decode, or name yours in the handler's profiles.decode",
        example=picker_config(edited(_WORKS, ("- name: decode", "- name: decoding")), _WORKS),
        severity="error",
    ),
    Rule(
        "P202",
        "No pod passes the filters of the profile for decode",
        why=_REFUSED,
        evidence=f"{SEEN}, with no ready decode pod.",
        fix="keep decode-filter alone in the profile",
        example=picker_config(
            edited(
                _WORKS,
                (
                    "      - pluginRef: decode-filter\n",
                    "      - pluginRef: decode-filter\n      - pluginRef: prefill-filter\n",
                ),
            ),
            _WORKS,
        ),
        severity="error",
    ),
    Rule(
        "P301",
        "The profile handler asks no pod to prefill",
        why=_SILENT,
        evidence=SEEN_RUN,
        fix="use disagg-profile-handler with profiles prefill and decode, and a decider",
        example=picker_config(
            edited(
                _WORKS,
                ("  - type: prefill-filter\n", ""),
                (_PRODUCER, ""),
                (_DECIDER, ""),
                (_HANDLER, "  - type: single-profile-handler\n"),
                (_PREFILL, ""),
            ),
            _WORKS,
        ),
    ),
    Rule(
        "P302",
        "There is no profile for prefill",
        why=_SILENT,
        evidence=SEEN_RUN,
        fix="name a profile prefill, or name yours in the handler's profiles.prefill",
        example=picker_config(edited(_WORKS, ("- name: prefill", "- name: prefilling")), _WORKS),
    ),
    Rule(
        "P303",
        "There is no decider for prefill",
        why=f"{_SILENT} The picker logs once that disaggregation is disabled.",
        evidence=SEEN_RUN,
        fix="name a decider in the handler's deciders.prefill",
        example=picker_config(
            edited(_WORKS, (_HANDLER, "  - type: disagg-profile-handler\n")), _WORKS
        ),
    ),
    Rule(
        "P304",
        "The decider's threshold is 0, which declines every prompt",
        why=f"{_SILENT} 0 is what nonCachedTokens is when left out.",
        evidence=SEEN_RUN,
        fix="set nonCachedTokens to 1 or more, such as 16",
        example=picker_config(
            edited(_WORKS, (_DECIDER, "  - type: prefix-based-pd-decider\n")), _WORKS
        ),
    ),
    Rule(
        "P305",
        "Nothing tells the sidecar which pod prefills",
        why=f"{_SILENT} The handler of v0.8.0, and pd-profile-handler in every release, leave "
        "the header to another plugin.",
        evidence="Seen run with router v0.8.0; with v0.9.0 and v0.10.0 and pd-profile-handler.",
        fix="list disagg-headers-handler, or from v0.9.0 on use disagg-profile-handler",
        example=picker_config(
            edited(_WORKS_IN_V0_8_0, ("  - type: disagg-headers-handler\n", "")),
            _WORKS_IN_V0_8_0,
            release="v0.8.0",
        ),
    ),
    Rule(
        "P306",
        "Nothing produces what the decider reads",
        why=f"{_SILENT} The picker logs that it cannot read the state of the prefix cache.",
        evidence="Seen run with router v0.8.0; later releases create the producer.",
        fix="list approx-prefix-cache-producer",
        example=picker_config(
            edited(_WORKS_IN_V0_8_0, (_PRODUCER, "")), _WORKS_IN_V0_8_0, release="v0.8.0"
        ),
    ),
    Rule(
        "P307",
        "The prompt is left unread, so that its tokens cannot be counted",
        why=_SILENT,
        evidence="Seen run with router v0.9.0 and v0.10.0.",
        fix="use openai-parser, or always-disagg-pd-decider",
        example=picker_config(
            _WORKS + "requestHandler:\n  parsers:\n    - pluginRef: passthrough-parser\n",
            _WORKS + "requestHandler:\n  parsers:\n    - pluginRef: openai-parser\n",
        ),
    ),
    Rule(
        "P308",
        "No prefill pod passes the filters of the profile for prefill",
        why=_SILENT,
        evidence=f"{SEEN}, with no ready prefill pod.",
        fix="keep prefill-filter alone in the profile",
        example=picker_config(
            edited(
                _WORKS,
                (
                    "      - pluginRef: prefill-filter\n",
                    "      - pluginRef: prefill-filter\n      - pluginRef: decode-filter\n",
                ),
            ),
            _WORKS,
        ),
    ),
    Rule(
        "P309",
        "The decider accepts images, video and audio alone",
        why="Prompts of text are all done by decode pods, with status 200.",
        evidence="Read in the sources of llm-d-router v0.10.0.",
        fix="name a decider for prefill, and this one in deciders.encode",
        example=picker_config(
            edited(
                _WORKS,
                (_DECIDER, "  - type: always-disagg-multimodal-decider\n"),
                ("prefill: prefix-based-pd-decider", "prefill: always-disagg-multimodal-decider"),
            ),
            _WORKS,
        ),
    ),
    Rule(
        "P310",
        "Decode pods prefill for each other",
        why="A prompt is prefilled on whichever pod scores best, a decode pod as well, whose "
        "running answers it slows.",
        evidence="A profile without a filter admits every pod of the pool; read in the sources of "
        "llm-d-router v0.10.0.",
        fix="add prefill-filter to the profile for prefill",
        example=picker_config(
            edited(
                _WORKS,
                ("  - type: prefill-filter\n", ""),
                ("      - pluginRef: prefill-filter\n", ""),
            ),
            _WORKS,
        ),
        severity="note",
    ),
    Rule(
        "P401",
        "Prefill pods answer users",
        why="Prefill pods are picked for whole requests, which they decode as well, with "
        "status 200: nothing is disaggregated there, and answers hold up the prefill of others.",
        evidence=SEEN_RUN,
        fix="add decode-filter to the profile for decode",
        example=picker_config(
            edited(
                _WORKS,
                ("  - type: decode-filter\n", ""),
                ("      - pluginRef: decode-filter\n", ""),
            ),
            _WORKS,
        ),
    ),
    Rule(
        "P501",
        "A parameter is ignored",
        why="The picker runs as if the parameter were not there, and does not log it.",
        evidence="Seen run with router v0.8.0; llm-d/llm-d-router#1134.",
        fix="remove the parameter, or correct its name",
        example=picker_config(
            edited(
                _WORKS_IN_V0_8_0,
                ("nonCachedTokens: 16", "nonCachedTokens: 16\n      promptTokens: 100"),
            ),
            _WORKS_IN_V0_8_0,
            release="v0.8.0",
        ),
        severity="warning",
    ),
    Rule(
        "P502",
        "Something is deprecated",
        why="It works, until a later release of the router refuses it.",
        evidence="Seen run with router v0.9.0 and v0.10.0, which log it.",
        fix="write what replaces it",
        example=picker_config(
            edited(_WORKS, ("llm-d.ai/v1alpha1", "inference.networking.x-k8s.io/v1alpha1")),
            _WORKS,
        ),
        severity="note",
    ),
    Rule(
        "P503",
        "A plugin is listed, and no profile runs it",
        why="It changes nothing: a scorer scores no pod, and pods that score alike are chosen "
        "by lot.",
        evidence=SEEN_RUN,
        fix="name the plugin in a profile, or remove it",
        example=picker_config(
            edited(_WORKS, (_PRODUCER, f"  - type: kv-cache-utilization-scorer\n{_PRODUCER}")),
            _WORKS,
        ),
        severity="warning",
    ),
    Rule(
        "P504",
        "A block size is not the one that counts",
        why="The picker counts blocks of another size than the engine caches, and takes part "
        "of a cached prompt for new.",
        evidence="Seen run with router v0.9.0 and v0.10.0, which log that they raise it to 64.",
        fix="write the size that counts, and give it to the engine as well",
        example=picker_config(
            edited(_WORKS, ("blockSizeTokens: 64", "blockSizeTokens: 16")), _WORKS
        ),
        severity="note",
    ),
    Rule(
        "P505",
        "A limit in blocks does not count",
        why="The picker compares prompts up to maxPrefixTokensToMatch, 131072 by default from "
        "v0.9.0 on, whatever the limit in blocks.",
        evidence="Read in the sources of llm-d-router v0.9.0.",
        fix="write maxPrefixTokensToMatch instead",
        example=picker_config(
            edited(
                _WORKS,
                ("Tokens: 64", "Tokens: 64\n      maxPrefixBlocksToMatch: 256"),
            ),
            edited(
                _WORKS,
                ("Tokens: 64", "Tokens: 64\n      maxPrefixTokensToMatch: 16384"),
            ),
        ),
        severity="warning",
    ),
    Rule(
        "P506",
        "The picker names several pods, which not every gateway takes",
        why="A gateway that dials the answer as one address, as Envoy AI Gateway does, "
        "reaches no pod as soon as two of them are ready.",
        evidence="The picker joins the addresses by commas in one header; read in the sources of "
        "llm-d-router v0.10.0, not seen run.",
        fix="leave maxNumOfEndpoints at 1",
        example=picker_config(
            edited(
                _WORKS,
                (
                    _PRODUCER,
                    "  - type: max-score-picker\n    parameters:\n      maxNumOfEndpoints: 2\n"
                    + _PRODUCER,
                ),
            ),
            edited(_WORKS, (_PRODUCER, f"  - type: max-score-picker\n{_PRODUCER}")),
        ),
        severity="warning",
    ),
    Rule(
        "P507",
        "The picker reads no metrics of the engines",
        why="Queues and caches count as empty, or as full: load no longer decides which pod "
        "is picked.",
        evidence="Read in the sources of llm-d-router v0.8.0, where any dataLayer leaves the "
        "metrics out, and of later releases, where injectDefaults: false does.",
        fix="add metrics-data-source with core-metrics-extractor, or leave injectDefaults out",
        example=picker_config(
            edited(_WORKS, ("plugins:", "dataLayer:\n  injectDefaults: false\nplugins:")), _WORKS
        ),
        severity="warning",
    ),
    Rule(
        "P508",
        "A plugin learns of no pod",
        why="It subscribes to no engine's events, and scores every pod 0: prefixes no longer "
        "decide which pod is picked.",
        evidence="llm-d/llm-d-router#1121.",
        fix="add endpoint-notification-source to dataLayer.sources, with the plugin as extractor",
        example=picker_config(_PRECISE, _PRECISE_AND_TOLD),
        severity="warning",
    ),
    Rule(
        "P509",
        "A profile takes one of several pickers by lot",
        why="Which picker it takes changes with each start of the picker.",
        evidence="A profile without a picker takes the first of an unordered map; read in the "
        "sources of llm-d-router v0.10.0.",
        fix="name the picker in the profile",
        example=picker_config(
            edited(_TWO_PICKERS, ("      - pluginRef: max-score-picker\n", "")), _TWO_PICKERS
        ),
        severity="warning",
    ),
    Rule(
        "P510",
        "The decider miscounts what is cached",
        why="The decider goes by what precise-prefix-cache-scorer writes of a pod, one token "
        "at most: prompts that the decode pod has cached are prefilled elsewhere.",
        evidence="llm-d-router#1047; read in the sources of llm-d-router v0.8.0, mended in v0.9.0.",
        fix="use router v0.9.0 or newer, or approx-prefix-cache-producer alone",
        example=picker_config(
            edited(
                _WORKS_IN_V0_8_0,
                (
                    "  - type: queue-scorer\n",
                    "  - type: queue-scorer\n  - type: precise-prefix-cache-scorer\n",
                ),
                (
                    "        weight: 2\n",
                    "        weight: 2\n      - pluginRef: precise-prefix-cache-scorer\n",
                ),
            ),
            _WORKS_IN_V0_8_0,
            release="v0.8.0",
        ),
        severity="warning",
    ),
    Rule(
        "P511",
        "A producer is named so that the picker makes another one",
        why="What reads the data reads the other one, which has default parameters: the "
        "producer's own are of no effect.",
        evidence="From v0.9.0 on data goes by its producer's name; read in the sources of "
        "llm-d-router v0.9.0 and v0.10.0.",
        fix="leave the producer's name out",
        example=picker_config(
            edited(_WORKS, ("  - type: approx", "  - name: prefix\n    type: approx")), _WORKS
        ),
        severity="warning",
    ),
)
