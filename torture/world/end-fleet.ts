import { killProcess } from '../../demo/world/kill-process.js';
import type { Facts } from '../facts/facts.js';

/** Ends the monitors, then the agents, each by its own pid; launchers must be gone by then. */
export function endFleet(facts: Facts): void {
  facts.readLogs();
  for (const monitor of facts.launchers.monitors.values()) killProcess(monitor);
  // A monitor may have started its agent since.
  facts.readLogs();
  for (const agent of [...facts.launchers.agents.values(), ...facts.lives.lives.values()]) killProcess(agent);
}
