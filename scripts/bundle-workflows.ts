import { writeFile } from 'node:fs/promises';
import { bundleWorkflowCode } from '@temporalio/worker';
import { bundles } from '../src/worker/bundle.js';

const quiet = {
  log: ignore,
  trace: ignore,
  debug: ignore,
  info: ignore,
  warn: console.warn,
  error: console.error,
};
for (const { path, source } of bundles) {
  const { code } = await bundleWorkflowCode({ ...source, logger: quiet });
  await writeFile(path, code);
}

function ignore(): void {
  // Nobody needs Webpack's progress during a build.
}
