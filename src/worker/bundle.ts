import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { DataConverter } from '@temporalio/common';
import type { WorkerOptions } from '@temporalio/worker';
import { modulePath, packageRoot } from '../paths.js';
import { failureConverterPath } from '../temporal/data-converter.js';

/** Where `npm run build` puts the bundled workflows. */
export const bundlePath = join(packageRoot, 'dist', 'workflow-bundle.js');
/** The same for workers with a payload codec: workflow failures go through it too. */
const codecBundlePath = join(packageRoot, 'dist', 'workflow-bundle-codec.js');

/** The workflows' module, for your own workers. */
export const workflowsPath = modulePath('workflows/index');
/** The payload converter that the workflows need: pass it together with `workflowsPath`. */
export const payloadConverterPath = modulePath('workflows/payload-converter');

/** What the workflows are bundled from. */
export const bundleSource = { workflowsPath, payloadConverterPath };

/** Every bundle that `npm run build` makes. */
export const bundles = [
  { path: bundlePath, source: bundleSource },
  { path: codecBundlePath, source: { ...bundleSource, failureConverterPath } },
];

/**
 * The workflows for a worker: the bundle made at build time, or their source if this runs from source.
 *
 * @param dataConverter the worker's own; source workflows add their payload converter to it
 */
export function workflowSource(
  dataConverter?: DataConverter,
): Pick<WorkerOptions, 'workflowBundle' | 'workflowsPath' | 'dataConverter'> {
  const isBuilt = import.meta.url.endsWith('.js') && existsSync(bundlePath);
  // A bundle contains its converters.
  return isBuilt
    ? { workflowBundle: { codePath: dataConverter?.failureConverterPath ? codecBundlePath : bundlePath } }
    : { workflowsPath, dataConverter: { ...dataConverter, payloadConverterPath } };
}
