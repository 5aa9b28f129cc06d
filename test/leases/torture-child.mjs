// A process that acquires, renews and releases leases, or reclaims them, and dies or stops between any two system calls.
import { mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  acquireLease,
  LeaseFolder,
  reclaimLeases,
  releaseLease,
  renewLease,
} from '../../dist/src/leases/index.js';

const { role, seed, folder, records, repos, witness } = JSON.parse(process.argv[2]);
const say = (...words) => process.stdout.write(`${words.join(' ')}\n`);

let state = seed;
/** Mulberry32: the same seed leads to the same decisions. */
function random() {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}

/** The parent continues stopped processes. Only acquirers die: there must always be a reclaimer. */
function fate() {
  if (random() < 0.02) process.kill(process.pid, 'SIGSTOP');
  if (random() < (role === 'launcher' ? 0.0008 : 0.0005)) process.kill(process.pid, 'SIGKILL');
}

class FatefulFolder extends LeaseFolder {}
for (const call of ['list', 'create', 'idOf', 'read', 'link', 'rename', 'unlink']) {
  FatefulFolder.prototype[call] = async function (...args) {
    fate();
    return LeaseFolder.prototype[call].apply(this, args);
  };
}

/** Only one process can listen on a name, and the kernel frees it when that process dies: a witness that no crash can fool. */
async function prove(repo) {
  const server = createServer();
  const failed = await new Promise((resolve) => {
    server.once('error', resolve);
    server.listen(`\0${witness}-${repo}`, () => resolve(null));
  });
  if (failed !== null) say('VIOLATION two hold', repo, failed.code);
  return server;
}

async function launch() {
  const repo = repos[Math.floor(random() * repos.length)];
  // Always over its TTL: only the proof of its life keeps it.
  const result = await acquireLease({ folder: new FatefulFolder(folder), repo, ttlS: 0.001 });
  if (!result.acquired) return sleep(random() * 4);
  const { lease } = result;
  const server = await prove(repo);
  say('acquired', repo, lease.lease.token);
  while (random() < 0.4) {
    try {
      if (!(await renewLease(lease))) say('VIOLATION a live holder lost its lease', repo, lease.lease.token);
      say('renewed');
    } catch (error) {
      if (!/try again/.test(error.message)) throw error;
      say('put-off');
    }
  }
  await sleep(random() * 3);
  fate();
  if (server.listening) await new Promise((resolve) => server.close(resolve));
  if (!(await releaseLease(lease))) say('VIOLATION a live holder lost its lease', repo, lease.lease.token);
  say('released');
}

/** A process that was killed but not yet collected has ended, too. */
function isAlive(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
  } catch {
    return false;
  }
}

async function record({ key, pid }) {
  if (isAlive(pid)) say('VIOLATION the holder is alive', key);
  fate();
  try {
    mkdirSync(join(records, encodeURIComponent(key)));
  } catch {
    return { result: 'known' };
  }
  fate();
  return { result: 'recorded' };
}

async function reclaim() {
  const reports = await reclaimLeases({
    folder: new FatefulFolder(folder),
    repos,
    host: (await import('node:os')).hostname(),
    sharedPidNamespace: true,
    blockOn: async () => null,
    record,
  });
  for (const { reclaimed, trouble } of reports) {
    for (const { token } of reclaimed) say('reclaimed', token);
    for (const line of trouble) say('VIOLATION trouble', line);
  }
  await sleep(random() * 2);
}

try {
  for (;;) await (role === 'launcher' ? launch() : reclaim());
} catch (error) {
  say('VIOLATION', role, 'failed:', error.stack.replaceAll('\n', ' '));
  process.exit(1);
}
