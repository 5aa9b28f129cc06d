import type { LivenessDriver } from './driver.js';

/** What drivers of platforms without pid namespaces have in common. */
export const NO_NAMESPACES = {
  trace: () => ({ kind: 'unclear', why: 'this platform has no pid namespaces' }),
  isFamiliar: () => true,
  keepFamilies: () => Promise.resolve(),
  isAlive: () => undefined,
  survivorsOf: () => null,
  place: () => null,
  inPlace: () => ({ kind: 'unclear' }),
} as const satisfies Partial<LivenessDriver>;
