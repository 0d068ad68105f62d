"""The application that the demo asks: FastAPI, secured by `secure`, in memory only.

uvicorn examples.demo.app:app --no-server-header
"""

from fastapi import FastAPI, WebSocket
from fastapi.responses import HTMLResponse
from pydantic import BaseModel

from asgisec import secure

HOSTS = ["127.0.0.1", "api.example.com"]
ORIGINS = ["https://app.example.com"]


class Note(BaseModel):
    """A note, as it is written."""

    text: str


app = FastAPI(title="Notes")
secure(app, hosts=HOSTS, origins=ORIGINS)

_notes = ["buy milk"]


@app.get("/notes")
def notes() -> list[str]:
    return _notes


@app.post("/notes", status_code=201)
def write(note: Note) -> list[str]:
    _notes.append(note.text)
    return _notes


@app.get("/page")
def page() -> HTMLResponse:
    headers = {"Content-Security-Policy": "default-src 'self'", "Vary": "Accept-Language"}
    return HTMLResponse("<h1>Notes</h1>", headers=headers)


@app.get("/fails")
def fails() -> None:
    password = "hunter2"  # noqa: S105 - what the demo shows not to get out
    raise RuntimeError(f"cannot log in to the database with {password}")


@app.websocket("/live")
async def live(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text(_notes[-1])
    await socket.close()
