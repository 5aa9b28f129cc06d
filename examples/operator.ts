// Operates the reaper from a program: starts it on your queue, pauses it, reads its status, sweeps.
import { Client, Connection } from '@temporalio/client';
import { ReaperClient } from 'job-reaper';

const connection = await Connection.connect({ address: process.env.TEMPORAL_ADDRESS ?? 'localhost:7233' });
const reaper = new ReaperClient({ temporal: new Client({ connection }), by: 'deploy script' });
await reaper.start('my-queue');
await reaper.pause('deploying'); // from here on, nothing is claimed
console.log(`paused by ${(await reaper.status()).paused_by}`);
await reaper.resume();
console.log(`swept ${(await reaper.sweepNow()).running} running jobs`);
await Promise.all([reaper.close(), connection.close()]);
