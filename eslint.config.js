import js from '@eslint/js';
import importX from 'eslint-plugin-import-x';
import prettier from 'eslint-config-prettier';
import tseslint from 'typescript-eslint';

/** Imports point inward: domain ← liveness, db, notify ← activities, workflows ← worker, cli. */
const layers = [
  { target: './src/domain', from: './src', except: ['./domain'] },
  { target: './src/liveness', from: './src', except: ['./domain', './liveness'] },
  { target: './src/stamp', from: './src', except: ['./domain', './liveness', './stamp'] },
  { target: './src/notify', from: './src', except: ['./domain', './notify'] },
  { target: './src/db', from: './src', except: ['./domain', './db', './paths.ts'] },
  { target: './src/metrics', from: './src', except: ['./domain', './db', './metrics'] },
  { target: './src/leases', from: './src', except: ['./domain', './liveness', './leases'] },
  {
    target: './src/workflows',
    from: './src',
    except: ['./domain', './workflows', './activities'],
  },
  {
    target: './src/activities',
    from: './src',
    except: [
      './domain',
      './liveness',
      './db',
      './leases',
      './activities',
      './gates',
      './metrics',
      './notify',
      './log.ts',
      './naming.ts',
    ],
  },
  // The package imports nothing that is not packed.
  { target: './src', from: './', except: ['./src', './node_modules'] },
];

export default tseslint.config(
  // The examples are compiled where they are run: in a project that has installed the package.
  { ignores: ['examples/', 'dist/', 'node_modules/', 'coverage/', '.cache/'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    plugins: { 'import-x': importX },
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/consistent-type-definitions': 'off',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      'import-x/no-cycle': 'error',
      'import-x/no-restricted-paths': ['error', { zones: layers }],
      'no-restricted-imports': [
        'error',
        { name: 'picocolors', message: 'It colours what a CI job pipes: use src/cli/colors.ts.' },
      ],
    },
    settings: {
      'import-x/extensions': ['.ts'],
      'import-x/parsers': { '@typescript-eslint/parser': ['.ts'] },
      'import-x/resolver-next': [
        importX.createNodeResolver({
          extensions: ['.ts', '.js'],
          extensionAlias: { '.js': ['.ts', '.js'] },
        }),
      ],
    },
  },
  {
    files: ['src/workflows/**/*.ts'],
    rules: {
      'no-restricted-syntax': [
        'error',
        {
          selector: 'Program > VariableDeclaration[kind!="const"]',
          message: 'Bundled workflow contexts are reused: keep state inside the workflow.',
        },
      ],
    },
  },
  { files: ['src/cli/colors.ts'], rules: { 'no-restricted-imports': 'off' } },
  {
    files: ['**/*.js', '**/*.mjs'],
    languageOptions: { globals: { process: 'readonly', console: 'readonly', AbortController: 'readonly' } },
  },
  prettier,
);
