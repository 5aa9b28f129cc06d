import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DataConverter } from '@temporalio/common';
import type { WorkerOptions } from '@temporalio/worker';
import { packageRoot } from '../paths.js';

/** Where `npm run build` puts the bundled workflows. */
export const bundlePath = join(packageRoot, 'dist', 'workflow-bundle.js');

/** The workflows' module, for workers of one's own. */
export const workflowsPath = modulePath('index');
/** The payload converter that the workflows need: to be given with `workflowsPath`. */
export const payloadConverterPath = modulePath('payload-converter');

/** What the workflows are bundled from. */
export const bundleSource = { workflowsPath, payloadConverterPath };

/** The workflows for a worker: bundled at build time, or from their source where this runs from its source. */
export function workflowSource(
  dataConverter?: DataConverter,
): Pick<WorkerOptions, 'workflowBundle' | 'workflowsPath' | 'dataConverter'> {
  const isBuilt = import.meta.url.endsWith('.js') && existsSync(bundlePath);
  // The bundle has the payload converter in it.
  return isBuilt
    ? { workflowBundle: { codePath: bundlePath }, ...(dataConverter && { dataConverter }) }
    : { workflowsPath, dataConverter: { ...dataConverter, payloadConverterPath } };
}

function modulePath(name: string): string {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return fileURLToPath(new URL(`../workflows/${name}.${extension}`, import.meta.url));
}
