// Operates the reaper from a program: starts it on your queue, pauses it, reads what it did and why, declares a host gone.
import { Client, Connection } from '@temporalio/client';
import { ReaperClient } from 'job-reaper';

const connection = await Connection.connect({ address: process.env.TEMPORAL_ADDRESS ?? 'localhost:7233' });
const reaper = new ReaperClient({ temporal: new Client({ connection }), by: 'deploy script' });
await reaper.start('my-queue');
await reaper.pause('deploying'); // from here on, nothing is claimed
console.log(`paused by ${(await reaper.status()).pausedBy}`);
await reaper.resume();
console.log(`swept ${(await reaper.sweepNow()).running} running jobs`);

const gone = await reaper.hostGone('builder-3'); // refused while its probe answers
console.log(gone.declared ? `builder-3 is gone, with ${gone.runs} runs` : `not gone: ${gone.why}`);
for (const { jobId, outcome, reason } of await reaper.ledger({ limit: 5 })) {
  console.log(`${jobId} was reaped -> ${outcome}: ${reason}`);
}
console.log((await reaper.explain('4711')).headline);
await Promise.all([reaper.close(), connection.close()]);
