import { HOSTS } from '../world/create-services.js';
import type { Fault } from './fault.js';

/** Maximum of minutes by which a host's clock is off. */
const MAX_OFF_MIN = 20;

/** The wall clock of a host, and of all that runs on it, is set: forward or back, from one moment to the next. */
export const clocks: readonly Fault[] = [
  {
    kind: 'host: its clock put forward or back by minutes',
    weight: 2,
    inject(world, random) {
      const host = random.pick(Object.values(HOSTS)) ?? HOSTS.north;
      const offMin = random.between(-MAX_OFF_MIN, MAX_OFF_MIN);
      world.clocks[host].set(Math.round(offMin * 60_000));
      return Promise.resolve(host);
    },
  },
];
