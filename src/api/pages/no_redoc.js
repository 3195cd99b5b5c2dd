// Stands for Redoc in a server that was built where npm could not fetch it.
const notice = document.createElement('p');
notice.className = 'missing';
notice.append('This server was built without the script that shows the reference: npm could not fetch it. ',
              'Build it again where the npm registry can be reached: make. The reference as a file: ');
const link = document.createElement('a');
link.href = 'openapi.json';
link.textContent = 'openapi.json';
notice.append(link);
document.querySelector('redoc').replaceWith(notice);
