// SPDX-License-Identifier: Apache-2.0

// Validates an OpenAPI document against the specification's own schema: FILE.
import { readFile } from "node:fs/promises";
import { Validator } from "@seriousme/openapi-schema-validator";

const validator = new Validator();
const result = await validator.validate(JSON.parse(await readFile(process.argv[2], "utf8")));
if (!result.valid) {
  console.error(JSON.stringify(result.errors, null, 2));
  process.exit(1);
}
console.log("OpenAPI", validator.version, "valid");
