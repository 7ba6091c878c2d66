# SPDX-License-Identifier: Apache-2.0


def ACCESS_greet(name: str) -> tuple[bool, str]:
    """Greets somebody by name."""
    return True, f"Hello {name}"


TOOLS = [ACCESS_greet]
