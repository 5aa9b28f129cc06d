import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { DataConverter } from '@temporalio/common';
import type { WorkerOptions } from '@temporalio/worker';
import { modulePath, packageRoot } from '../paths.js';
import { failureConverterPath } from '../temporal/data-converter.js';

/** Where `npm run build` puts the bundled workflows. */
export const bundlePath = join(packageRoot, 'dist', 'workflow-bundle.js');
/** The same for workers with a payload codec: what workflows fail with goes through it too. */
const codecBundlePath = join(packageRoot, 'dist', 'workflow-bundle-codec.js');

/** The workflows' module, for workers of one's own. */
export const workflowsPath = modulePath('workflows/index');
/** The payload converter that the workflows need: to be given with `workflowsPath`. */
export const payloadConverterPath = modulePath('workflows/payload-converter');

/** What the workflows are bundled from. */
export const bundleSource = { workflowsPath, payloadConverterPath };

/** Every bundle that `npm run build` makes. */
export const bundles = [
  { path: bundlePath, source: bundleSource },
  { path: codecBundlePath, source: { ...bundleSource, failureConverterPath } },
];

/**
 * The workflows for a worker: bundled at build time, or from their source where this runs from its source.
 *
 * @param dataConverter the worker's own, to which the source adds its payload converter
 */
export function workflowSource(
  dataConverter?: DataConverter,
): Pick<WorkerOptions, 'workflowBundle' | 'workflowsPath' | 'dataConverter'> {
  const isBuilt = import.meta.url.endsWith('.js') && existsSync(bundlePath);
  // A bundle has its converters in it.
  return isBuilt
    ? { workflowBundle: { codePath: dataConverter?.failureConverterPath ? codecBundlePath : bundlePath } }
    : { workflowsPath, dataConverter: { ...dataConverter, payloadConverterPath } };
}
