"""Routing: how requests reach engines. Decorates engines; takes nothing from them."""
