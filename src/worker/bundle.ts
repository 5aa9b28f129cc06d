import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { WorkerOptions } from '@temporalio/worker';
import { packageRoot } from '../paths.js';

/** Where `npm run build` puts the bundled workflows. */
export const bundlePath = join(packageRoot, 'dist', 'workflow-bundle.js');

const workflowsPath = fileURLToPath(
  new URL(`../workflows/index${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url),
);

const payloadConverterPath = fileURLToPath(
  new URL(
    `../workflows/payload-converter${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`,
    import.meta.url,
  ),
);

/** What the workflows are bundled from. */
export const bundleSource = { workflowsPath, payloadConverterPath };

/** The workflows for a worker: bundled at build time, or from their source where this runs from its source. */
export function workflowSource(): Pick<WorkerOptions, 'workflowBundle' | 'workflowsPath' | 'dataConverter'> {
  const isBuilt = import.meta.url.endsWith('.js') && existsSync(bundlePath);
  return isBuilt
    ? { workflowBundle: { codePath: bundlePath } }
    : { workflowsPath, dataConverter: { payloadConverterPath } };
}
