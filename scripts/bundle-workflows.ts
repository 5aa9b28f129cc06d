import { writeFile } from 'node:fs/promises';
import { bundleWorkflowCode } from '@temporalio/worker';
import { bundlePath, bundleSource } from '../src/worker/bundle.js';

const quiet = {
  log: ignore,
  trace: ignore,
  debug: ignore,
  info: ignore,
  warn: console.warn,
  error: console.error,
};
const { code } = await bundleWorkflowCode({ ...bundleSource, logger: quiet });
await writeFile(bundlePath, code);

function ignore(): void {
  // Webpack's progress is of no use to whoever builds.
}
