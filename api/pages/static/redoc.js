Redoc.init("/openapi.json", { disableSearch: false }, document.getElementById("redoc"));
