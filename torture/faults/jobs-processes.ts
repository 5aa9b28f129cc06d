import type { Fault } from './fault.js';
import { killAgent, pickVictim, send } from './victims.js';
import { waitBetween } from './wait.js';

/** Seconds of a stop: from less than a streak and the grace take to more than both. */
const STOPPED_S = { least: 3, most: 15 };

/** What happens to the processes of a single run. */
export const jobsProcesses: readonly Fault[] = [
  {
    kind: 'agent: SIGKILL',
    weight: 10,
    inject(world, random) {
      const victim = pickVictim(world, random, 'agent');
      if (victim === null) return Promise.resolve(null);
      killAgent(world, victim);
      return Promise.resolve(`agent of job ${victim.jobId}`);
    },
  },
  {
    kind: 'agent: SIGSTOP, SIGCONT',
    weight: 8,
    async inject(world, random) {
      const victim = pickVictim(world, random, 'agent');
      if (victim === null) return null;
      send(victim.agent, 'SIGSTOP');
      await waitBetween(random, STOPPED_S.least, STOPPED_S.most);
      send(victim.agent, 'SIGCONT');
      return `agent of job ${victim.jobId}`;
    },
  },
  {
    kind: 'monitor: SIGKILL',
    weight: 10,
    inject(world, random) {
      const victim = pickVictim(world, random, 'monitor');
      if (victim === null) return Promise.resolve(null);
      send(victim.monitor, 'SIGKILL');
      return Promise.resolve(`monitor of job ${victim.jobId}`);
    },
  },
  {
    kind: 'monitor: SIGSTOP, SIGCONT',
    weight: 10,
    async inject(world, random) {
      const victim = pickVictim(world, random, 'monitor');
      if (victim === null) return null;
      send(victim.monitor, 'SIGSTOP');
      await waitBetween(random, STOPPED_S.least, STOPPED_S.most);
      send(victim.monitor, 'SIGCONT');
      return `monitor of job ${victim.jobId}`;
    },
  },
  {
    kind: 'monitor: SIGSTOP, agent: SIGKILL, monitor: SIGCONT',
    weight: 5,
    async inject(world, random) {
      const victim = pickVictim(world, random, 'both');
      if (victim === null) return null;
      send(victim.monitor, 'SIGSTOP');
      killAgent(world, victim);
      // Around the grace and the streak: a late finalizer at any point of the decision.
      await waitBetween(random, 2, 14);
      send(victim.monitor, 'SIGCONT');
      return `job ${victim.jobId}`;
    },
  },
  {
    kind: 'agent and monitor: SIGKILL',
    weight: 8,
    inject(world, random) {
      const victim = pickVictim(world, random, 'both');
      if (victim === null) return Promise.resolve(null);
      send(victim.monitor, 'SIGKILL');
      killAgent(world, victim);
      return Promise.resolve(`both of job ${victim.jobId}`);
    },
  },
];
