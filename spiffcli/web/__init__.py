"""What `runner serve` answers over HTTP. Starlette and uvicorn are imported here alone, when it is asked for."""
