// Lets the Temporal SDK download the Temporal CLI into a folder and prints the file's path.
// Usage: node download.mjs <folder> <version>
//
// A program of its own, because the SDK's runtime is one per process and belongs to the worker, and because a
// download that hangs can only be ended with its process.
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';

import { Runtime } from '@temporalio/worker';

const DAY_MS = 24 * 60 * 60 * 1000;

const [folder, version] = process.argv.slice(2);
const downloaded = async () => {
  const names = existsSync(folder) ? await readdir(folder) : [];
  return names.find((name) => name.startsWith('temporal') && !name.endsWith('.downloading'));
};

let failure;
try {
  // The SDK offers the download only as a part of starting a server. This method is what TestWorkflowEnvironment of
  // @temporalio/testing calls; that package would add nothing but the call, and tests have no place in a user's installation.
  const runtime = Runtime.instance();
  const server = await runtime.createEphemeralServer({
    type: 'dev-server',
    exe: {
      type: 'cached-download',
      downloadDir: folder,
      version: `v${version}`,
      ttl: DAY_MS,
      sdkName: 'sdk-typescript',
      // Used only to choose a version where none is named.
      sdkVersion: '',
    },
    namespace: 'default',
    ip: '127.0.0.1',
    port: null,
    ui: false,
    uiPort: null,
    dbFilename: null,
    log: { format: 'pretty', level: 'warn' },
    extraArgs: [],
  });
  await runtime.shutdownEphemeralServer(server);
} catch (error) {
  failure = error;
}

const name = await downloaded();
if (name === undefined) {
  console.error(failure instanceof Error ? failure.message : 'the SDK downloaded nothing');
  process.exit(1);
}
console.log(join(folder, name));
process.exit(0);
