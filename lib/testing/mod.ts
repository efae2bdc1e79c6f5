/**
 * What tests of network code need: connections in memory, a simulated network with hosts,
 * faults and time, a proxy with faults for other programs, and conformance kits for codecs,
 * transports, datagrams and engines of hubs.
 *
 * It replaces nothing of the process unless it is told to: `fakeClock` and `simulate` do, and
 * give everything back. All parts of the library may be imported here, and no part imports
 * this one.
 *
 * @module
 */

export { memoryPair, type MemoryPairOptions } from "./memory_pair.ts";
export {
  type MemoryTransport,
  type MemoryTransportOptions,
  memoryTransportPair,
} from "../transport/memory.ts";
export { checkCodec } from "./check_codec.ts";
export type { CheckCodecOptions } from "./check_codec_options.ts";
export {
  checkEngine,
  type CheckEngineOptions,
  type EngineParticipant,
} from "./check_engine.ts";
export {
  checkTransport,
  type CheckTransportOptions,
  type MakePair,
} from "./check_transport.ts";
export {
  checkDatagrams,
  type CheckDatagramsOptions,
  type MakeSockets,
} from "./check_datagrams.ts";
export { FakeClock, fakeClock } from "./fake_clock.ts";
export { MemoryNetwork, memoryNetwork } from "./memory_network.ts";
export type {
  ConnectionEvent,
  DatagramEvent,
  HostEvent,
  MemoryConnectOptions,
  MemoryListenOptions,
  MemoryNetworkOptions,
  MemoryServeOptions,
  NetworkEvent,
  SlowHostOptions,
} from "./memory_network_options.ts";
export {
  type HostConnectOptions,
  type HostDatagramOptions,
  type HostListenOptions,
  HostProcess,
  type HostServeOptions,
  type ProcessProgram,
} from "./host_process.ts";
export { SimulatedHost } from "./simulated_host.ts";
export { simulate } from "./simulate.ts";
export type {
  HostProgram,
  Scenario,
  SimulatedNetworkOptions,
  SimulateOptions,
  SimulationReport,
} from "./simulate_options.ts";
export {
  SimulationError,
  type SimulationErrorOptions,
  type SimulationFailure,
} from "./simulation_error.ts";
export { type SimulatedClock, World } from "./world.ts";
export {
  type Capture,
  capture,
  type CaptureOptions,
  type CaptureStats,
} from "./capture.ts";
export { FaultProxy, faultProxy } from "./fault_proxy.ts";
export type {
  DirectedFaults,
  FaultProxyOptions,
  FaultProxyStats,
  FaultProxyTarget,
  Faults,
} from "./fault_proxy_options.ts";
