import type { Status } from '../domain/status.js';

/** Table rows for everything that is not being repaired, and why. Empty if there is nothing. */
export function describeUnrepaired(status: Status): [what: string, why: string][] {
  const rows: [string, string][] = [];
  const { waiting, claim_trouble: trouble } = status;
  for (const what of status.adapter_trouble) rows.push(['nothing is reaped', what]);
  for (const [host, cause] of Object.entries(status.hosts_failing)) {
    rows.push([`probe on ${host}`, `fails: ${cause}`]);
  }
  const { '': hostless = 0, ...hosts } = status.unknown_runs;
  const unknown = Object.entries(hosts).map(([host, runs]) => `${runs} on ${host}`);
  if (unknown.length > 0) rows.push(['unknown runs', `${unknown.join(', ')}: job-reaper doctor shows why`]);
  if (hostless > 0) {
    rows.push([
      'unknown runs without a host',
      `${hostless}: no probe can check their processes; job-reaper doctor shows why`,
    ]);
  }
  const { count: boots, runs } = status.unknown_boots;
  if (boots > 0) {
    rows.push([
      'boots without a probe',
      `${boots}, with ${runs} of these runs: start a worker of job-reaper on each machine that runs jobs`,
    ]);
  }
  if (status.held > 0) rows.push(['held runs', String(status.held)]);
  if (waiting.count > 0) {
    const jobs = waiting.first.join(', ');
    rows.push(['runs waiting for a watch', `${waiting.count}, such as ${jobs}: raise REAPER_MAX_WATCHES`]);
  }
  if (trouble.count > 0) rows.push(['runs that cannot be claimed', String(trouble.count)]);
  return rows;
}
