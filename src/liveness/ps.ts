import { spawnSync } from 'node:child_process';
import { hostname } from 'node:os';
import { messageOf } from '../domain/trouble.js';
import type { LivenessDriver, Sighting, StampOrigin } from './driver.js';
import { isPid, signalZero } from './existence.js';
import { NO_NAMESPACES } from './no-namespaces.js';
import { formatStamp, isPsStart, singleSpaced, STAMP_FORMATS, type IdentityStamp } from './stamp.js';

/** How the driver runs `ps`, and what it calls this host. */
export interface PsDriverOptions {
  host?: string;
  command?: string;
}

interface PsRow {
  defunct: boolean;
  /** As `ps` prints it. */
  start: string;
}

type PsTable = ReadonlyMap<number, PsRow>;

/** Keeps the command line far below the shortest limit. */
const PIDS_PER_CALL = 1000;
const PS_TIMEOUT_MS = 10_000;

/** Looks at processes with signal 0 and `ps`, for platforms without `/proc`. */
export function createPsDriver(options: PsDriverOptions = {}): LivenessDriver {
  return driverOver(options, new Map());
}

function driverOver(options: PsDriverOptions, prepared: PsTable): LivenessDriver {
  const { command = 'ps' } = options;
  const host = (): string => options.host ?? hostname();

  function look(pid: number): Sighting {
    const existence = signalZero(pid);
    if (existence.kind !== 'exists') return existence;
    const { row, why } = findRow(pid);
    if (row !== undefined) return { kind: 'present', defunct: row.defunct, start: singleSpaced(row.start) };
    // Not shown: either it is gone by now, or hidden from this user. A second signal tells which.
    const now = signalZero(pid);
    return now.kind === 'exists' ? { kind: 'hidden', why } : now;
  }

  function findRow(pid: number): { row: PsRow | undefined; why: string } {
    try {
      return {
        row: prepared.get(pid) ?? askPs(command, [pid]).get(pid),
        why: `${command} shows no start time for it`,
      };
    } catch (error) {
      return { row: undefined, why: messageOf(error) };
    }
  }

  function locate(stamp: IdentityStamp): StampOrigin {
    if (stamp.scheme !== 'ps') {
      return {
        kind: 'elsewhere',
        evidence: `expected a stamp ${STAMP_FORMATS.ps}, got one of kind ${stamp.scheme}`,
      };
    }
    const here = host();
    if (stamp.host === here) return { kind: 'here', place: `on host ${here}`, boot: null };
    return { kind: 'elsewhere', evidence: `stamped on host ${stamp.host}, this probe is on ${here}` };
  }

  function identify(pid: number): string | null {
    const row = askPs(command, [pid]).get(pid);
    return row === undefined ? null : formatStamp({ scheme: 'ps', host: host(), start: row.start });
  }

  return {
    ...NO_NAMESPACES,
    kind: 'ps',
    prepare: (processes) =>
      Promise.resolve(
        driverOver(
          options,
          askAll(
            command,
            processes.map(({ pid }) => pid),
          ),
        ),
      ),
    seemsGone: ({ pid }) => isPid(pid) && signalZero(pid).kind === 'absent',
    look,
    locate,
    compareStart: (_, stamped, found) => ({ kind: stamped === found ? 'same' : 'other' }),
    identify,
  };
}

function askAll(command: string, pids: readonly (number | null)[]): PsTable {
  const wanted = [...new Set(pids.filter(isPid))];
  const table = new Map<number, PsRow>();
  try {
    for (let from = 0; from < wanted.length; from += PIDS_PER_CALL) {
      for (const [pid, row] of askPs(command, wanted.slice(from, from + PIDS_PER_CALL))) table.set(pid, row);
    }
  } catch {
    // Not fatal: what is missing is asked again, pid by pid, and fails there with its reason.
  }
  return table;
}

function askPs(command: string, pids: readonly number[]): PsTable {
  // The start time is compared as text, so it must not depend on the caller's language, time zone and ps settings.
  const env = { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };
  const args = ['-o', 'pid=', '-o', 'stat=', '-o', 'lstart=', '-p', pids.join(',')];
  const result = spawnSync(command, args, { env, encoding: 'utf8', timeout: PS_TIMEOUT_MS });
  if (result.error !== undefined) throw new Error(`${command} failed: ${messageOf(result.error)}`);
  // Status 1 without an error message means that no process has any of these pids.
  if (result.status !== 0 && (result.status !== 1 || result.stderr.trim() !== '')) {
    throw new Error(`${command} failed with ${result.status ?? result.signal ?? 'no status'}`);
  }
  return parseTable(result.stdout);
}

function parseTable(output: string): PsTable {
  const table = new Map<number, PsRow>();
  for (const line of output.split('\n')) {
    const [, pid, state, start] = /^\s*(\d+)\s+(\S+)\s+(\S.*?)\s*$/.exec(line) ?? [];
    if (pid === undefined || state === undefined || start === undefined || !isPsStart(start)) continue;
    table.set(Number(pid), { defunct: /^[ZX]/.test(state), start });
  }
  return table;
}
