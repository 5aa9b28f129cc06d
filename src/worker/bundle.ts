import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { DataConverter } from '@temporalio/common';
import type { WorkerOptions } from '@temporalio/worker';
import { modulePath, packageRoot } from '../paths.js';

/** Where `npm run build` puts the bundled workflows. */
export const bundlePath = join(packageRoot, 'dist', 'workflow-bundle.js');

/** The workflows' module, for workers of one's own. */
export const workflowsPath = modulePath('workflows/index');
/** The payload converter that the workflows need: to be given with `workflowsPath`. */
export const payloadConverterPath = modulePath('workflows/payload-converter');

/** What the workflows are bundled from. */
export const bundleSource = { workflowsPath, payloadConverterPath };

/**
 * The workflows for a worker: bundled at build time, or from their source where this runs from its source.
 *
 * @param dataConverter the worker's own, to which the source adds its payload converter
 */
export function workflowSource(
  dataConverter?: DataConverter,
): Pick<WorkerOptions, 'workflowBundle' | 'workflowsPath' | 'dataConverter'> {
  const isBuilt = import.meta.url.endsWith('.js') && existsSync(bundlePath);
  // The bundle has the payload converter in it.
  return isBuilt
    ? { workflowBundle: { codePath: bundlePath } }
    : { workflowsPath, dataConverter: { ...dataConverter, payloadConverterPath } };
}
