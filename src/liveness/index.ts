export type { LivenessDriver, Sighting, StampOrigin } from './driver.js';
export { processIdentity } from './identity.js';
export { createLinuxDriver, type LinuxDriverOptions } from './linux.js';
export { readPlace, type Place } from './place.js';
export { bootsInDoubt, probeProcess, type ProbeOptions } from './probe.js';
export { createPsDriver, type PsDriverOptions } from './ps.js';
export { selectDriver } from './select.js';
export { measureUptimes, type Uptimes } from './uptime.js';
export { formatStamp, isBootId, parseStamp } from './stamp.js';
