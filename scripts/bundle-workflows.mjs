// npm run build: bundles the compiled workflows. Plain JavaScript, because the build compiles the package alone.
import { writeFile } from 'node:fs/promises';
import { bundleWorkflowCode } from '@temporalio/worker';
import { packageRoot } from '../dist/src/paths.js';
import { bundles } from '../dist/src/worker/bundle.js';

// Nobody needs Webpack's progress during a build.
const ignore = () => undefined;
const quiet = {
  log: ignore,
  trace: ignore,
  debug: ignore,
  info: ignore,
  warn: console.warn,
  error: console.error,
};
const nameOf = ({ resourcePath }) => resourcePath.replaceAll(packageRoot, '.');
/** Stack traces name files of the package and their lines. The sources themselves, and where this machine keeps them, stay here. */
const webpackConfigHook = (config) => ({
  ...config,
  devtool: 'inline-nosources-cheap-module-source-map',
  output: { ...config.output, devtoolModuleFilenameTemplate: nameOf },
});
for (const { path, source } of bundles) {
  const { code } = await bundleWorkflowCode({ ...source, logger: quiet, webpackConfigHook });
  await writeFile(path, code);
}
