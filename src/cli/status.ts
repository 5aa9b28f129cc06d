import { Command } from 'commander';
import { withContext } from './context.js';
import { describeControl } from '../explain/describe-control.js';
import { describeLastSweep } from '../explain/describe-sweep.js';
import { counted, formatTime } from '../domain/wording.js';
import { examples, printJson, say } from './output.js';
import { describeUnrepaired } from './describe-unrepaired.js';
import { readState, type State } from './read-state.js';
import { renderTable } from './table.js';

/** `job-reaper status` */
export function statusCommand(): Command {
  return new Command('status')
    .description('Show what the reaper is doing: mode, last sweep, totals, hosts without a probe, holds')
    .option('--json', 'print the view reaper.status, the holds and the last sweep as JSON')
    .addHelpText('after', examples('job-reaper status', 'job-reaper status --json | jq .reaped_total'))
    .action(async ({ json }: { json?: true }) => {
      const state = await withContext(readState);
      if (json) printJson(toJson(state));
      else print(state);
    });
}

/** With the names of `reaper.status`, so that a script can use either. */
function toJson({ status, holds, lastSweep, temporalError }: State): object {
  return { ...status, holds, last_sweep: lastSweep?.summary ?? null, temporal_error: temporalError };
}

function print({ status, control, holds, lastSweep, temporalError }: State): void {
  const { last_reaped: last, hosts_without_probe: silent } = status;
  const lastReaped = last
    ? `, the last: job ${last.job_id} (${last.agent ?? 'no agent'}) -> ${last.outcome}`
    : '';
  const rows = [
    ['reaper', describeControl(control)],
    ['adapter', control.adapter ?? 'none: run job-reaper migrate --adapter <name or file>'],
    ['last sweep', describeLastSweep(lastSweep, control.policy.intervalS)],
    ['interval', `${control.policy.intervalS} s`],
    ['running jobs', status.running],
    ['open watches', status.watching],
    ...describeHostWatches(status),
    ['reaped so far', `${status.reaped_total}${lastReaped}`],
    ['leases reclaimed so far', status.lease_reclaimed_total],
    ['hosts without a probe', silent.length === 0 ? 'none' : `${silent.join(', ')}: start a worker there`],
    ...describeCrashBudget(status),
    ...describeUnrepaired(status),
  ];
  console.log(renderTable(['job-reaper', 'now'], rows));
  if (status.braked !== null) {
    const { job_id: job, host, reason, claimed_at: claimed, then, found_at: found, now } = status.braked;
    say(`\nThe reaper stopped itself: job ${job} was reaped (${reason}), but its process is alive.`);
    console.log(
      renderTable(
        [`probed on ${host ?? 'no host'}`, 'found'],
        [
          [formatTime(new Date(claimed)), then ?? 'nothing'],
          [formatTime(new Date(found)), now],
        ],
      ),
    );
  }
  if (status.claim_trouble.count > 0) {
    console.log('\nRuns that cannot be claimed; they are retried:');
    console.log(
      renderTable(
        ['job', 'why', 'since', 'next try'],
        status.claim_trouble.first.map((run) => [
          run.job_id,
          run.kind === 'locked' ? run.why : `${run.why} (${counted(run.failures, 'time')})`,
          run.since,
          run.retry_at,
        ]),
      ),
    );
    const more = status.claim_trouble.count - status.claim_trouble.first.length;
    if (more > 0) console.log(`and ${more} more`);
  }
  if (status.failing_channels.length > 0) {
    console.log('\nThese channels deliver no notifications:');
    console.log(
      renderTable(
        ['channel', 'since', 'lost so far', 'why'],
        status.failing_channels.map(({ channel, since, why, lost }) => [
          channel,
          formatTime(new Date(since)),
          lost,
          why,
        ]),
      ),
    );
  }
  if (status.host_warnings.length > 0) {
    console.log('\nHosts that need attention:');
    for (const warning of status.host_warnings) say(`  ${warning}`, 2);
  }
  if (status.unwatchable.length > 0) {
    console.log('\nRows that cannot be watched, so they are never repaired:');
    console.log(
      renderTable(
        ['job', 'why'],
        status.unwatchable.map(({ jobId, why }) => [jobId, why]),
      ),
    );
  }
  if (holds.length > 0) {
    console.log('\nHolds:');
    console.log(
      renderTable(
        ['kind', 'value', 'until', 'by', 'reason'],
        holds.map(({ kind, value, until, by, reason }) => [kind, value, formatTime(until), by, reason]),
      ),
    );
  }
  if (temporalError !== null) {
    say(`\nTemporal did not answer (${temporalError}): this is from Postgres alone.`);
  }
}

/** A row for the hosts that have one watch for all their runs; none if there are none. */
function describeHostWatches({ hosts_watched: { count, first } }: State['status']): [string, string][] {
  if (count === 0) return [];
  const names = first.map((host) => host || 'no host').join(', ');
  return [['open host watches', count > first.length ? `${count}, such as ${names}` : names]];
}

/** A row for the deaths over the crash budget; none if there were none. */
function describeCrashBudget({
  crash_budget: { failed, requeued, last },
}: State['status']): [string, string][] {
  if (failed + requeued === 0) return [];
  const [newest] = last;
  const which =
    newest === undefined
      ? ''
      : `, the last: job ${newest.job_id} (${newest.deaths} deaths) -> ${newest.outcome} at ${newest.claimed_at}`;
  return [['over the crash budget', `${failed} failed, ${requeued} requeued${which}`]];
}
