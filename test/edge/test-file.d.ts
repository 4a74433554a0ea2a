/** Stands for the test file that a worker is bundled with. */
declare module "test-file" {}
