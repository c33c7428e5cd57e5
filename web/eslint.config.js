import js from '@eslint/js';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

// What these rules know comes from the types, through an API that TypeScript 7 does not have yet:
// hence 6.0 in package.json.
export default defineConfig(globalIgnores(['dist/', 'src/schema.d.ts']), {
  files: ['**/*.ts'],
  extends: [js.configs.recommended, tseslint.configs.recommendedTypeChecked],
  languageOptions: {
    parserOptions: {
      project: ['tsconfig.json', 'e2e/tsconfig.json'],
      tsconfigRootDir: import.meta.dirname,
    },
  },
  linterOptions: { reportUnusedDisableDirectives: 'error' },
  rules: {
    // Playwright's fixtures tell by their pattern what they need, if it is nothing.
    'no-empty-pattern': ['error', { allowObjectPatternsAsParameters: true }],
    '@typescript-eslint/no-unused-vars': ['error', { ignoreRestSiblings: true }],
    '@typescript-eslint/switch-exhaustiveness-check': [
      'error',
      { considerDefaultExhaustiveForUnions: true },
    ],
  },
});
