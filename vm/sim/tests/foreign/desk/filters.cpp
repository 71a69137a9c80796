// What the filters look like: pins, ranges, nodes and how they are connected.
#include "desk.h"

static KSDATARANGE_AUDIO Pcm(ULONG bits)
{
    return {{sizeof(KSDATARANGE_AUDIO), KSDATARANGE_ATTRIBUTES, 0, 0, {STATICGUIDOF(KSDATAFORMAT_TYPE_AUDIO)},
             {STATICGUIDOF(KSDATAFORMAT_SUBTYPE_PCM)}, {STATICGUIDOF(KSDATAFORMAT_SPECIFIER_WAVEFORMATEX)}},
            2, bits, bits, 44100, 48000};
}

// Made by a constructor that runs before DriverEntry's own work, as globals of C++ are.
static const KSDATARANGE_AUDIO g_pcm[] = {Pcm(16), Pcm(24)};

static const KSATTRIBUTE g_mode = {sizeof(KSATTRIBUTE), 0, {0xE1F89EB5, 0x5F46, 0x419B, {0x96, 0x7B, 0xFF, 0x67, 0x70, 0xB9, 0x84, 0x01}}};
static const KSATTRIBUTE *const g_modes[] = {&g_mode};
static const KSATTRIBUTE_LIST g_attributes = {1, const_cast<PKSATTRIBUTE *>(g_modes)};

static PKSDATARANGE g_stream_ranges[] = {
    const_cast<PKSDATARANGE>(&g_pcm[0].DataRange), reinterpret_cast<PKSDATARANGE>(const_cast<KSATTRIBUTE_LIST *>(&g_attributes)),
    const_cast<PKSDATARANGE>(&g_pcm[1].DataRange), reinterpret_cast<PKSDATARANGE>(const_cast<KSATTRIBUTE_LIST *>(&g_attributes))};

static KSDATARANGE g_analog = {sizeof(KSDATARANGE), 0, 0, 0, {STATICGUIDOF(KSDATAFORMAT_TYPE_AUDIO)},
                               {STATICGUIDOF(KSDATAFORMAT_SUBTYPE_ANALOG)}, {STATICGUIDOF(KSDATAFORMAT_SPECIFIER_NONE)}};
static PKSDATARANGE g_bridge_ranges[] = {&g_analog};

static const GUID g_audio = {STATICGUIDOF(KSCATEGORY_AUDIO)};
static const GUID g_speaker = {STATICGUIDOF(KSNODETYPE_SPEAKER)};
static const GUID g_microphone = {STATICGUIDOF(KSNODETYPE_MICROPHONE)};
static const GUID g_volume = {STATICGUIDOF(KSNODETYPE_VOLUME)};
static const GUID g_mute = {STATICGUIDOF(KSNODETYPE_MUTE)};
static const GUID g_audio_set = {STATICGUIDOF(KSPROPSETID_Audio)};
static const GUID g_jack_set = {STATICGUIDOF(KSPROPSETID_Jack)};

#define STREAM(flow) {1, 1, 0, nullptr, {0, nullptr, 0, nullptr, 4, g_stream_ranges, flow, KSPIN_COMMUNICATION_SINK, &g_audio, nullptr, {0}}}
#define BRIDGE(flow, category) {0, 0, 0, nullptr, {0, nullptr, 0, nullptr, 1, g_bridge_ranges, flow, KSPIN_COMMUNICATION_NONE, category, nullptr, {0}}}

static const PCPIN_DESCRIPTOR g_wave_pins[][2] = {
    {STREAM(KSPIN_DATAFLOW_IN), BRIDGE(KSPIN_DATAFLOW_OUT, &g_audio)},
    {STREAM(KSPIN_DATAFLOW_OUT), BRIDGE(KSPIN_DATAFLOW_IN, &g_audio)},
};
static const PCCONNECTION_DESCRIPTOR g_wave_connections[] = {
    {PCFILTER_NODE, WAVE_STREAM, PCFILTER_NODE, WAVE_BRIDGE},
    {PCFILTER_NODE, WAVE_BRIDGE, PCFILTER_NODE, WAVE_STREAM},
};

#define WAVE(side) \
    {0, nullptr, sizeof(PCPIN_DESCRIPTOR), 2, g_wave_pins[side], sizeof(PCNODE_DESCRIPTOR), 0, nullptr, 1, &g_wave_connections[side], 0, nullptr}
static const PCFILTER_DESCRIPTOR g_wave[] = {WAVE(0), WAVE(1)};

const PCFILTER_DESCRIPTOR *WaveFilter(Side side)
{
    return &g_wave[static_cast<ULONG>(side)];
}

static const PCPIN_DESCRIPTOR g_topology_pins[][2] = {
    {BRIDGE(KSPIN_DATAFLOW_IN, &g_audio), BRIDGE(KSPIN_DATAFLOW_OUT, &g_speaker)},
    {BRIDGE(KSPIN_DATAFLOW_IN, &g_microphone), BRIDGE(KSPIN_DATAFLOW_OUT, &g_audio)},
};
static const PCPROPERTY_ITEM g_volume_items[] = {
    {&g_audio_set, KSPROPERTY_AUDIO_VOLUMELEVEL, KSPROPERTY_TYPE_GET | KSPROPERTY_TYPE_SET | KSPROPERTY_TYPE_BASICSUPPORT, OnVolume}};
static const PCPROPERTY_ITEM g_mute_items[] = {
    {&g_audio_set, KSPROPERTY_AUDIO_MUTE, KSPROPERTY_TYPE_GET | KSPROPERTY_TYPE_SET | KSPROPERTY_TYPE_BASICSUPPORT, OnMute}};
static const PCPROPERTY_ITEM g_filter_items[] = {
    {&g_jack_set, KSPROPERTY_JACK_DESCRIPTION, KSPROPERTY_TYPE_GET | KSPROPERTY_TYPE_BASICSUPPORT, OnJack},
    {&g_jack_set, KSPROPERTY_JACK_DESCRIPTION2, KSPROPERTY_TYPE_GET | KSPROPERTY_TYPE_BASICSUPPORT, OnJack2},
    {&g_jack_set, KSPROPERTY_JACK_DESCRIPTION3, KSPROPERTY_TYPE_GET | KSPROPERTY_TYPE_BASICSUPPORT, OnJack3}};
DEFINE_PCAUTOMATION_TABLE_PROP(g_volume_table, g_volume_items);
DEFINE_PCAUTOMATION_TABLE_PROP(g_mute_table, g_mute_items);
DEFINE_PCAUTOMATION_TABLE_PROP(g_filter_table, g_filter_items);
static const PCNODE_DESCRIPTOR g_nodes[] = {{0, &g_volume_table, &g_volume, nullptr}, {0, &g_mute_table, &g_mute, nullptr}};
static const PCCONNECTION_DESCRIPTOR g_topology_connections[] = {
    {PCFILTER_NODE, TOPOLOGY_IN, NODE_VOLUME, 1},
    {NODE_VOLUME, 0, NODE_MUTE, 1},
    {NODE_MUTE, 0, PCFILTER_NODE, TOPOLOGY_OUT},
};

#define TOPOLOGY(pins) \
    {0, &g_filter_table, sizeof(PCPIN_DESCRIPTOR), 2, pins, sizeof(PCNODE_DESCRIPTOR), 2, g_nodes, 3, g_topology_connections, 0, nullptr}
static const PCFILTER_DESCRIPTOR g_topology[] = {TOPOLOGY(g_topology_pins[0]), TOPOLOGY(g_topology_pins[1])};

const PCFILTER_DESCRIPTOR *TopologyFilter(Side side)
{
    if (side == Side::Microphone && FaultIs(FAULT_NO_BRIDGE)) {
        // The pin to the outside is one that clients could open.
        static const PCPIN_DESCRIPTOR pins[] = {STREAM(KSPIN_DATAFLOW_IN), BRIDGE(KSPIN_DATAFLOW_OUT, &g_audio)};
        static const PCFILTER_DESCRIPTOR filter = TOPOLOGY(pins);
        return &filter;
    }
    return &g_topology[static_cast<ULONG>(side)];
}
